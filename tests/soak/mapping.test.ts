import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { type BackendName, machineOf } from "../vm/harness/backend.ts";
import { compiled } from "../vm/harness/guest-code.ts";
import { preparedVm } from "../vm/harness/host.ts";
import { growth } from "./growth.ts";
import { describeMapping, runMapping } from "./mapping.ts";
import { ProgressBar } from "./progress-bar.ts";
import { isFull, mappings, soakTimeoutMs } from "./rounds.ts";

const MIB = 2 ** 20;

/**
 * What a short run may grow by: above the 5 MiB that the engine has been seen to take while it still compiles, and below the
 * 20 MiB of a page lost at each of the 5,000 maps that lie between the second and the last quarter.
 */
const UNSETTLED = { rss: 12 * MIB, external: MIB };

async function soak(backend: BackendName): Promise<void> {
  const vm = await preparedVm(machineOf(backend));
  const rounds = mappings();
  using bar = new ProgressBar(`soak: map and unmap on ${backend}`, rounds);
  const samples = await runMapping(vm, {
    program: compiled(fileURLToPath(new URL("./mapping-guest.ts", import.meta.url))),
    backend,
    rounds,
    samples: isFull() ? 200 : 20,
    timeoutMs: soakTimeoutMs(1000),
    onSample: ({ done }) => bar.update(done),
  });
  process.stderr.write(`${describeMapping(backend, samples)}\n`);
  expect(growth(samples, isFull() ? undefined : UNSETTLED)).toEqual([]);
}

it("maps and unmaps leave no memory, descriptor, mapping or pinned page behind", () => soak("vfio-group"));

it.runIf(isFull())("the same on iommufd, which npm run test:soak alone does", () => soak("vfio-cdev"));
