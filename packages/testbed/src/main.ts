#!/usr/bin/env node
import { constants } from "node:os";
import { boot } from "./boot.ts";
import { type CliRequest, parseCli } from "./cli.ts";
import { toTestbedError } from "./error.ts";
import { iommufdKernel } from "./iommufd-kernel.ts";
import { progressToStderr } from "./progress.ts";
import { provision } from "./provision.ts";
import type { RunResult } from "./vm.ts";

const STATUS_TIMEOUT = 124;
const STATUS_TESTBED_FAILED = 125;
const STATUS_USAGE = 2;

type RunRequest = Extract<CliRequest, { command: "run" }>;

async function main(words: readonly string[]): Promise<number> {
  let request: CliRequest | undefined;
  try {
    request = parseCli(words);
    if (request.command === "help") process.stdout.write(request.text);
    else if (request.command === "provision") await showProvision(request);
    else return await runCommand(request);
    return 0;
  } catch (error) {
    return report(error, request?.command === "run" && request.json);
  }
}

async function showProvision({
  kernel,
  refresh,
  json,
}: Extract<CliRequest, { command: "provision" }>): Promise<void> {
  const options = { refresh, onProgress: progressToStderr };
  const fetched = await provision(options);
  const parts = kernel === "iommufd" ? { ...fetched, kernel: await iommufdKernel(options) } : fetched;
  const text = `kernel ${parts.kernel.image}\nQEMU   ${parts.qemu.join(" ")}\n`;
  process.stdout.write(json ? `${JSON.stringify(parts, null, 2)}\n` : text);
}

async function runCommand(request: RunRequest): Promise<number> {
  const onProgress = request.quiet ? undefined : progressToStderr;
  // Before signals are caught: an interrupt during a download or a build just ends the process.
  await provision({ onProgress });
  if (request.boot.kernel === "iommufd") await iommufdKernel({ onProgress });
  const interrupt = interruptible();
  const started = performance.now();
  const vm = await boot({ ...request.boot, onProgress, signal: interrupt });
  const bootMs = performance.now() - started;
  try {
    const stream = request.json
      ? {}
      : {
          onStdout: (chunk: Uint8Array) => process.stdout.write(chunk),
          onStderr: (chunk: Uint8Array) => process.stderr.write(chunk),
        };
    const result = await vm.run(request.argv, { ...request.run, ...stream, signal: interrupt });
    if (request.json) {
      const faults = (await vm.dmaFaults()).map((fault) => ({
        ...fault,
        address: `0x${fault.address.toString(16)}`,
      }));
      const facts = { ...result, bootMs, dmaFaults: faults, console: await vm.console() };
      process.stdout.write(`${JSON.stringify(facts)}\n`);
    }
    return statusOf(result);
  } finally {
    if (request.console && !request.json) process.stderr.write(await vm.console());
    await vm.close();
  }
}

/** A signal that aborts when the user or the system asks this process to end. */
function interruptible(): AbortSignal {
  const controller = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => controller.abort(new Interrupted(name)));
  }
  return controller.signal;
}

class Interrupted extends Error {
  readonly status: number;

  constructor(name: NodeJS.Signals) {
    super(`interrupted by ${name}: the virtual machine was ended`);
    this.status = 128 + constants.signals[name];
  }
}

function statusOf({ code, signal }: RunResult): number {
  return signal ? 128 + constants.signals[signal] : (code ?? STATUS_TESTBED_FAILED);
}

function report(thrown: unknown, json: boolean | undefined): number {
  if (thrown instanceof Interrupted) {
    progressToStderr(thrown.message);
    return thrown.status;
  }
  const error = toTestbedError(thrown, "ERR_TESTBED_EXITED");
  if (json) process.stdout.write(`${JSON.stringify({ error })}\n`);
  process.stderr.write(`${error.code}: ${error.message}\n`);
  if (error.code === "ERR_TESTBED_ARGUMENT") return STATUS_USAGE;
  return error.code === "ERR_TESTBED_TIMEOUT" ? STATUS_TIMEOUT : STATUS_TESTBED_FAILED;
}

// Last, so that everything above is initialised.
process.exitCode = await main(process.argv.slice(2));
