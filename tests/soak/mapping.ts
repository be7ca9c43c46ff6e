import type { Vm } from "@userpci/testbed";
import { plot as chart } from "asciichart";
import type { BackendName } from "../vm/harness/backend.ts";
import { at, USER } from "../vm/machines.ts";
import type { Sample } from "./growth.ts";

const MIB = 2 ** 20;

/** A run of maps and unmaps in a machine that is prepared. */
export interface MappingRun {
  /** Path of `mapping-guest` as compiled. */
  readonly program: string;
  readonly backend: BackendName;
  /** How often to map and unmap. */
  readonly rounds: number;
  /** How often to look at what the process holds. */
  readonly samples: number;
  /** Longest time in milliseconds. */
  readonly timeoutMs: number;
  /** Told of each sample when it is there. */
  readonly onSample: (sample: Sample) => void;
}

/** Maps and unmaps in the guest as the ordinary user. Resolves with what the process held meanwhile. */
export async function runMapping(vm: Vm, run: MappingRun): Promise<Sample[]> {
  const { program, backend, rounds, samples, timeoutMs, onSample } = run;
  const taken: Sample[] = [];
  let partial = "";
  await vm.run(["node", "--expose-gc", program, at.wideEdu, String(rounds), String(samples)], {
    user: String(USER),
    memlock: 256 * MIB,
    env: { USERPCI_BACKEND: backend },
    timeoutMs,
    check: true,
    onStdout: (chunk) => {
      const lines = (partial + String(chunk)).split("\n");
      partial = lines.pop()!;
      for (const line of lines) {
        taken.push(JSON.parse(line) as Sample);
        onSample(taken.at(-1)!);
      }
    },
  });
  return taken;
}

/** Widest plot in columns, beside its scale. */
const COLUMNS = 72;

/** What a run came to, as text: resident memory over the rounds, and the figures of the last sample. */
export function describeMapping(backend: BackendName, samples: readonly Sample[]): string {
  const last = samples.at(-1)!;
  const perColumn = Math.max(1, Math.ceil(samples.length / COLUMNS));
  const columns = samples.filter((_, i) => i % perColumn === 0).map(({ rss }) => rss / MIB);
  const [low, high] = [Math.min(...columns), Math.max(...columns)];
  // At least 8 MiB high, so that a few pages do not look like a mountain.
  const middle = (low + high) / 2;
  const scale = { min: Math.min(low, middle - 4), max: Math.max(high, middle + 4), height: 8 };
  const rate = Math.round(last.done / (last.ms / 1000));
  return [
    `${backend}: resident memory in MiB, over ${last.done.toLocaleString("en")} maps and unmaps`,
    chart(columns, scale),
    `${rate.toLocaleString("en")} a second, ${(last.ms / 1000).toFixed(0)} s; at the end RSS ${(last.rss / MIB).toFixed(1)} MiB, ` +
      `external ${(last.external / MIB).toFixed(1)} MiB, ${last.descriptors} descriptors, ${last.mappings} mappings, ${last.pinned} bytes pinned`,
  ].join("\n");
}
