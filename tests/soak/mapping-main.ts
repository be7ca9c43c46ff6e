/** `npm run soak:mapping`: maps and unmaps DMA memory in a virtual machine, and tells whether the process grew by it. */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { boot } from "@userpci/testbed";
import { type BackendName, machineOf } from "../vm/harness/backend.ts";
import { prepareScript } from "../vm/harness/bind-script.ts";
import { machines } from "../vm/machines.ts";
import { growth, type Sample } from "./growth.ts";
import { describeMapping, runMapping } from "./mapping.ts";
import { ProgressBar } from "./progress-bar.ts";
import { MAPPINGS } from "./rounds.ts";

const backends: readonly BackendName[] = ["vfio-group", "vfio-cdev"];

const usage = `Maps and unmaps DMA memory through the public API, in a virtual machine with an IOMMU, and plots resident memory.
Exit status 1 if memory, descriptors, mappings or pinned bytes have grown.

  npm run soak:mapping [-- options]

  --rounds N      maps and unmaps; default ${MAPPINGS.toLocaleString("en")}, which is 115 a second for 24 hours
  --samples N     how often to look at what the process holds; default 200
  --backend NAME  ${backends.join(" or ")}; default ${backends[0]}
  --json          one object with every sample
`;

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: String(MAPPINGS) },
    samples: { type: "string", default: "200" },
    backend: { type: "string", default: backends[0]! },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** @throws Error for what is no number from `least` on */
function number(name: "rounds" | "samples", least: number): number {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least) return value;
  throw new Error(`--${name} is ${values[name]}, not ${least} or more`);
}

async function run(): Promise<void> {
  const backend = backends.find((name) => name === values.backend);
  if (backend === undefined) throw new Error(`--backend is ${values.backend}, not ${backends.join(" or ")}`);
  const samples = number("samples", 8);
  const rounds = number("rounds", samples);
  const taken = await measure(backend, rounds, samples);
  const grown = growth(taken);
  if (values.json) console.log(JSON.stringify({ backend, rounds, grown, samples: taken }));
  else console.log([describeMapping(backend, taken), ...grown.map((line) => `grown: ${line}`)].join("\n"));
  if (grown.length > 0) process.exitCode = 1;
}

async function measure(backend: BackendName, rounds: number, samples: number): Promise<Sample[]> {
  const machine = machineOf(backend);
  const onProgress = (line: string): void => console.error(line);
  await using vm = await boot({ ...machines[machine], onProgress });
  await vm.run(["/bin/sh", "-c", prepareScript(machine)], { check: true });
  using bar = new ProgressBar(backend, rounds);
  bar.update(0);
  return await runMapping(vm, {
    program: fileURLToPath(new URL("./mapping-guest.js", import.meta.url)),
    backend,
    rounds,
    samples,
    timeoutMs: 0,
    onSample: ({ done }) => bar.update(done),
  });
}

if (values.help) console.log(usage);
else {
  await run().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
