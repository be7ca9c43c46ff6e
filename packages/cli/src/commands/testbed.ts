import { constants } from "node:os";
import { PciError } from "@userpci/interface";
import {
  type BootOptions,
  boot,
  type RunOptions,
  type RunResult,
  TestbedError,
  type Vm,
} from "@userpci/testbed";
import {
  type CommandCall,
  ofCommandLine,
  optionText,
  optionTexts,
  type Report,
  WrongValue,
} from "../command.ts";
import { hex } from "../json.ts";
import { ProgressLine } from "../progress-line.ts";
import { optionMilliseconds } from "../seconds.ts";
import { Stop } from "../stop.ts";

/** `userpci testbed`. */
export async function run(call: CommandCall): Promise<Report> {
  const { bootOptions, runOptions } = await ofCommandLine(() => optionsOf(call));
  using stop = new Stop(interrupted);
  const started = performance.now();
  await using vm = await start(call, { ...bootOptions, signal: stop.signal });
  const bootMs = performance.now() - started;
  const tell = (stream: "stdout" | "stderr") => (chunk: Uint8Array) => {
    call.line({ type: "output", stream, text: Buffer.from(chunk).toString() });
    if (call.json) return;
    if (stream === "stdout") call.terminal.write(chunk);
    else call.terminal.note(Buffer.from(chunk).toString());
  };
  const result = await vm.run(call.rest, {
    ...runOptions,
    signal: stop.signal,
    onStdout: tell("stdout"),
    onStderr: tell("stderr"),
  });
  const faults = await vm.dmaFaults();
  const status = statusOf(result);
  const facts = {
    command: call.rest,
    status,
    bootMs,
    durationMs: result.durationMs,
    dmaFaults: faults.map(({ requester, reason, address, write }) => ({
      requester,
      reason,
      address: hex(address),
      write,
    })),
  };
  const { stdout, stderr } = result;
  return { json: { ...facts, stdout, stderr }, lines: [{ type: "ended", ...facts }], text: () => [], status };
}

/** Boots, and says what it is at. @throws WrongValue for what the test bed refuses before it does anything */
async function start({ terminal }: CommandCall, options: BootOptions): Promise<Vm> {
  using progress = new ProgressLine(terminal);
  try {
    return await boot({ ...options, onProgress: (text) => progress.update(text) });
  } catch (error) {
    if (!(error instanceof TestbedError) || error.code !== "ERR_TESTBED_ARGUMENT") throw error;
    const { summary, hint = "userpci testbed --help" } = error;
    throw new WrongValue(new PciError("ERR_INVALID_ARGUMENT", summary, { hint }));
  }
}

/** @throws WrongValue; PciError `ERR_INVALID_ARGUMENT` */
function optionsOf(call: CommandCall): { bootOptions: BootOptions; runOptions: RunOptions } {
  const text = (name: string): string | undefined => optionText(call, name);
  const [kernel, memory, iommu, append, user] = ["kernel", "memory", "iommu", "append", "user"].map(text);
  const memlock = text("memlock");
  const timeoutMs = optionMilliseconds(call, "timeout", 0);
  if (kernel !== undefined && kernel !== "iommufd") throw wrong("--kernel", kernel, "iommufd");
  return {
    bootOptions: {
      devices: optionTexts(call, "device"),
      ...(kernel !== undefined && { kernel }),
      ...(memory !== undefined && { memory }),
      ...(iommu !== undefined && { iommu: iommu === "none" ? null : iommu }),
      ...(append !== undefined && { append }),
    },
    runOptions: {
      ...(user !== undefined && { user }),
      ...(memlock !== undefined && {
        memlock: memlock === "unlimited" ? memlock : whole("--memlock", memlock, "8388608, or unlimited"),
      }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    },
  };
}

function whole(option: string, text: string, example: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw wrong(option, text, example);
}

function wrong(option: string, text: string, example: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `${option} cannot be ${JSON.stringify(text)}`, {
    hint: `${option} takes ${example}`,
  });
}

function statusOf({ code, signal }: RunResult): number {
  return signal === null ? (code ?? 1) : 128 + constants.signals[signal];
}

const interrupted = (signal: NodeJS.Signals): PciError =>
  new PciError("ERR_ABORTED", `interrupted by ${signal}: the virtual machine was ended`, {
    hint: "run it again",
  });
