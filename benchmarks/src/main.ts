import { arch, cpus, release } from "node:os";
import { type Arguments, parseArguments, usage } from "./arguments.ts";
import { Bench, type Result } from "./bench.ts";
import { hasRows, type Kernel } from "./guest/names.ts";
import { compilePrograms } from "./programs.ts";
import { allocatorRows } from "./rows/allocator.ts";
import { commandRows } from "./rows/commands.ts";
import { decodingRows } from "./rows/decoding.ts";
import { fileRows } from "./rows/files.ts";
import { interruptRows } from "./rows/interrupts.ts";
import { modelRows } from "./rows/models.ts";
import { poolRows } from "./rows/pools.ts";
import { registerRows } from "./rows/registers.ts";
import { socketRows } from "./rows/sockets.ts";
import { startUpRows } from "./rows/start-up.ts";
import { vfioUserRows } from "./rows/vfio-user.ts";
import { formatTable } from "./table.ts";
import { measureInVm } from "./vm.ts";

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function measureNatively({ rounds, filter }: Arguments): Promise<Result[]> {
  const bench = new Bench({ place: "native", rounds, filter, onRow: (name) => progress(`native: ${name}`) });
  await registerRows(bench);
  await fileRows(bench);
  await interruptRows(bench);
  await socketRows(bench);
  await vfioUserRows(bench);
  await modelRows(bench);
  await allocatorRows(bench);
  await poolRows(bench);
  await decodingRows(bench);
  await commandRows(bench, progress);
  await startUpRows(bench);
  return bench.results;
}

/** The rows of the machine. One that does not boot costs its own rows only, and the exit status. */
async function measureDevices(kernel: Kernel, { rounds, filter, vm }: Arguments): Promise<Result[]> {
  if (!vm || !hasRows(kernel, filter)) return [];
  const onProgress = (line: string): void => progress(`vm: ${line}`);
  try {
    return await measureInVm({ kernel, rounds, filter, nodeFlags: process.execArgv, onProgress });
  } catch (error) {
    progress(
      `${error instanceof Error ? error.message : String(error)}\nLeave the machine out with --no-vm.`,
    );
    process.exitCode = 1;
    return [];
  }
}

/** What the figures depend on. */
function environment() {
  const processors = cpus();
  return {
    node: process.version,
    v8: process.versions.v8,
    flags: process.execArgv,
    kernel: release(),
    architecture: arch(),
    processor: processors[0]?.model ?? "unknown",
    processors: processors.length,
  };
}

async function main(options: Arguments): Promise<void> {
  compilePrograms();
  const rows = await measureNatively(options);
  for (const kernel of ["debian", "iommufd"] as const) rows.push(...(await measureDevices(kernel, options)));
  const output = options.json ? JSON.stringify({ ...environment(), rows }, undefined, 2) : formatTable(rows);
  process.stdout.write(`${output}\n`);
}

function readArguments(): Arguments | undefined {
  try {
    return parseArguments(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${usage}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = readArguments();
if (options?.help) process.stdout.write(usage);
else if (options !== undefined) await main(options);
