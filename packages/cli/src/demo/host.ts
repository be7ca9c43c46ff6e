import { statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { EDU_ID } from "@userpci/edu";
import { PciError } from "@userpci/interface";
import type { Failure } from "../failure.ts";
import type { Machine } from "./machine.ts";
import type { IsolationResults, StepOf, StepReport } from "./step.ts";

/** The ordinary user who drives the device: `nobody` on most systems. */
export const ORDINARY_UID = 65_534;

/** The command line's own entry. */
export const userpci = fileURLToPath(new URL("../../bin/userpci.js", import.meta.url));
const guest = fileURLToPath(new URL("./guest.js", import.meta.url));

const RERUN_HINT = "`userpci demo --json` shows the steps before with all they were given and found";

/** How long the kernel may take to print a fault, in milliseconds. */
const FAULT_MS = 10_000;

/** The JSON of `userpci list`, as far as it is used here. */
interface Listing {
  readonly functions: readonly {
    address: string;
    className: string;
    driver: string | null;
    iommuGroup: number;
  }[];
}

/** The JSON of `userpci bind`. */
interface Bound {
  readonly driver: string;
  readonly formerDriver: string | null;
  readonly nodes: Readonly<Record<string, string | null>>;
}

/**
 * Runs the demo on a machine: binds the device as root with the command line, drives it as an ordinary user, and gives it
 * back, whatever happens.
 *
 * @param onStep told of each step that held, in order
 */
export async function runDemo(machine: Machine, onStep: (step: StepReport) => void): Promise<void> {
  const found = await findDevice(machine);
  onStep(found);
  const { address } = found.results;
  onStep(await bindDevice(machine, address));
  try {
    await driveDevice(machine, address, onStep);
  } catch (error) {
    await command(machine, ["unbind", address]).catch(() => undefined);
    throw error;
  }
  onStep(await giveBack(machine, address));
}

async function findDevice(machine: Machine): Promise<StepOf<"find">> {
  const { value, durationMs } = await command<Listing>(machine, ["list", "--id", EDU_ID]);
  const [device] = value.functions;
  if (device === undefined) {
    throw new PciError("ERR_NO_DEVICE", `${machine.kind}: no edu device (${EDU_ID}) is there`, {
      hint: "userpci demo --vm boots a virtual machine that has one; userpci demo needs none",
    });
  }
  const { address, className, driver } = device;
  return { step: "find", inputs: { id: EDU_ID }, results: { address, className, driver }, durationMs };
}

async function bindDevice(machine: Machine, address: string): Promise<StepOf<"bind">> {
  const argv = ["bind", address, "--user", String(ORDINARY_UID)];
  const { value, durationMs } = await command<Bound>(machine, argv);
  const { driver, formerDriver, nodes } = value;
  return {
    step: "bind",
    inputs: { address, user: ORDINARY_UID },
    results: { driver, formerDriver, nodes: Object.values(nodes).filter((node) => node !== null) },
    durationMs,
  };
}

async function giveBack(machine: Machine, address: string): Promise<StepOf<"release">> {
  const { value, durationMs } = await command<{ driver: string | null }>(machine, ["unbind", address]);
  return { step: "release", inputs: { address }, results: { driver: value.driver }, durationMs };
}

/** Runs the part beside the device and passes its steps on. */
async function driveDevice(
  machine: Machine,
  address: string,
  onStep: (step: StepReport) => void,
): Promise<void> {
  // Steps are reported in order although one of them waits for the kernel's log.
  let reported = Promise.resolve();
  let failure: unknown;
  const onLine = (line: string) => {
    reported = reported.then(async () => {
      const message = JSON.parse(line) as StepReport | { readonly error: Failure };
      if ("error" in message) failure ??= failureOf(message.error);
      else if (failure === undefined)
        onStep(message.step === "isolation" ? await withFault(machine, address, message) : message);
    });
    reported.catch((error: unknown) => {
      failure ??= error;
    });
  };
  const { code, stderr } = await machine.run([process.execPath, guest, address], ORDINARY_UID, onLine);
  await reported.catch(() => undefined);
  if (failure !== undefined) throw failure;
  if (code === 0) return;
  throw new PciError("ERR_DEMO", `the part beside the device ended with status ${code}`, {
    hint: privacyHint(guest) ?? RERUN_HINT,
    cause: stderr,
  });
}

/** What lets an ordinary user read a program that belongs to its owner alone, as after a checkout under umask 077. */
export function privacyHint(program: string): string | undefined {
  const mode = statSync(program, { throwIfNoEntry: false })?.mode ?? 0o004;
  if ((mode & 0o004) !== 0) return undefined;
  // All of it: the program imports the packages beside its own.
  const [home] = program.split(/\/(?:node_modules|packages)\//);
  return `uid ${ORDINARY_UID} may not read the program: chmod -R go+rX ${home}`;
}

/** Adds what the IOMMU and the kernel say of the transfer that was stopped. */
async function withFault(
  machine: Machine,
  address: string,
  report: StepOf<"isolation">,
): Promise<StepOf<"isolation">> {
  const { iova, bytes } = report.inputs;
  const deadline = performance.now() + FAULT_MS;
  let fault = faultLine(await machine.kernelLog(), address, BigInt(iova), bytes);
  while (fault === undefined && performance.now() < deadline) {
    await setTimeout(50);
    fault = faultLine(await machine.kernelLog(), address, BigInt(iova), bytes);
  }
  if (fault === undefined) {
    throw new PciError("ERR_DEMO", `the kernel printed no DMA fault of ${address} at ${iova}`, {
      hint: "is the function behind the IOMMU, and does the kernel's log still reach back? sudo dmesg | grep DMAR",
    });
  }
  const stopped = await machine.stoppedAccesses();
  const inRange = stopped?.filter(({ requester, write, address: at }) => {
    return write && address.endsWith(requester) && at >= BigInt(iova) && at < BigInt(iova) + BigInt(bytes);
  });
  const results: IsolationResults = { ...report.results, fault, stoppedAccesses: inRange?.length ?? null };
  return { ...report, results };
}

/**
 * The kernel's line about a device's write to an address range, if its log has one
 * (`drivers/iommu/intel/dmar.c`, `dmar_fault_do_one`).
 */
export function faultLine(log: string, address: string, iova: bigint, bytes: number): string | undefined {
  const form = /DMAR: \[DMA Write[^\]]*\] Request device \[([0-9a-f:.]+)\] fault addr (0x[0-9a-f]+)[^\r\n]*/g;
  for (const [line, device, text] of log.matchAll(form)) {
    const at = BigInt(text!);
    // Kernels before 5.15 leave the domain out.
    if (address.endsWith(device!) && at >= iova && at < iova + BigInt(bytes)) return line.trim();
  }
  return undefined;
}

/** Runs `userpci` on the machine as root, and reads its JSON. */
async function command<T>(
  machine: Machine,
  argv: readonly string[],
): Promise<{ value: T; durationMs: number }> {
  const started = performance.now();
  const lines: string[] = [];
  const { code, stderr } = await machine.run(
    [process.execPath, userpci, ...argv, "--json"],
    0,
    (line) => void lines.push(line),
  );
  const durationMs = performance.now() - started;
  const value = parse(lines.join("\n")) as (T & { error?: Failure }) | undefined;
  if (value?.error !== undefined) throw failureOf(value.error);
  if (code === 0 && value !== undefined) return { value, durationMs };
  throw new PciError("ERR_DEMO", `userpci ${argv.join(" ")} ended with status ${code}`, {
    hint: RERUN_HINT,
    cause: stderr,
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** An error that crossed the border between two processes. */
function failureOf({ code, message, hint, path, details, causes, stack }: Failure): PciError {
  return new PciError(code, message, {
    ...(hint !== undefined && { hint }),
    ...(path !== undefined && { path }),
    ...(details !== undefined && { details: details as Record<string, unknown> }),
    cause: causes[0] ?? stack,
  });
}
