import { writeFile } from "node:fs/promises";
import { isPciError, PciError } from "@userpci/interface";
import { always } from "./always.ts";
import { ConfigFile } from "./config-file.ts";
import { findFunction, listFunctions } from "./find.ts";
import { functionPath, type PciFunction } from "./function.ts";
import { explainWrite, kernelOf } from "./kernel.ts";
import { FunctionLock, lockPath } from "./lock.ts";
import { lockedBy, recordOf } from "./lock-record.ts";
import { systemFailure, type TreeOptions } from "./tree.ts";

/** A function that a reset may hit. */
export interface ResetNeighbour {
  readonly address: string;
  readonly driver: string | null;
}

/** What resetting a function would do. */
export interface ResetPlan {
  readonly address: string;
  /** Methods that the kernel would try, in this order (`reset_method`, Linux 5.15); empty if it has none. */
  readonly methods: readonly string[];
  /** Other functions below the same port, which a reset of the bus hits too. The kernel's own reset of a function never does. */
  readonly bus: readonly ResetNeighbour[];
}

/** How {@link resetFunction} resets. */
export interface ResetOptions extends TreeOptions {
  /** One of the plan's methods, such as `flr`. Default: the kernel takes the first that works. */
  readonly method?: string;
}

/** All ones, which the bus answers for a function that is not there. */
const NOBODY = 0xffff_ffff;

/**
 * What a reset would do. Reads sysfs only.
 *
 * @throws PciError `ERR_NO_DEVICE`, `ERR_INVALID_ARGUMENT`; `ERR_NO_RESET` for a method that the function has not
 */
export function planReset(address: string, options: ResetOptions = {}): ResetPlan {
  const fn = findFunction(address, options);
  const { method } = options;
  if (method !== undefined && !fn.resetMethods.includes(method)) {
    const hint = fn.resetMethods.length > 0 ? `it has ${fn.resetMethods.join(", ")}` : byBus(fn.address);
    throw noReset(`${fn.address} has no reset method ${method}`, hint);
  }
  const bus = listFunctions(options)
    .filter((other) => other.address !== fn.address && isBelowSamePort(other, fn))
    .map(({ address: other, driver }) => ({ address: other, driver }));
  return { address: fn.address, methods: fn.resetMethods, bus };
}

const busOf = (address: string): string => address.slice(0, address.lastIndexOf(":"));

/** A function on a root bus has no port that could reset its bus. */
function isBelowSamePort(other: PciFunction, fn: PciFunction): boolean {
  return fn.parent !== null && busOf(other.address) === busOf(fn.address);
}

/**
 * Resets a function by the kernel (`reset`, Documentation/ABI/testing/sysfs-bus-pci). Needs root. A driver that has the function is told
 * before and after; a program that has it open is not. Its configuration space is saved and restored.
 *
 * @returns milliseconds that it took
 * @throws PciError `ERR_NO_DEVICE`, `ERR_NO_RESET` if the function has no method, or not the one asked for, `ERR_PERMISSION`, `ERR_BUSY` if somebody else
 * has the function's lock, `ERR_DEVICE_GONE` if it does not answer afterwards, or the system's error
 */
export async function resetFunction(address: string, options: ResetOptions = {}): Promise<number> {
  const { methods, address: name } = planReset(address, options);
  const { method } = options;
  if (methods.length === 0) throw noReset(`${name} has no reset method`, byBus(name));
  const path = functionPath(name, options, "reset");
  const durationMs = await (method === undefined
    ? timed(() => tell(path, name, () => writeFile(path, "1")))
    : resetBy(method, name, options));
  requireAnswer(name, options);
  return durationMs;
}

/** @returns milliseconds that it took */
async function timed(act: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await act();
  return performance.now() - started;
}

const byBus = (address: string): string =>
  `where it is bound to vfio-pci and alone below its port: userpci reset ${address} --bus`;

const noReset = (message: string, hint: string): PciError => new PciError("ERR_NO_RESET", message, { hint });

/**
 * Lets the kernel know one method only, for as long as a reset takes. A process of its own does that, which goes on when this one ends,
 * and with the function's lock: who came in between would take the one method for all that there are.
 */
async function resetBy(method: string, address: string, options: TreeOptions): Promise<number> {
  const only = { path: functionPath(address, options, "reset_method"), text: method };
  const kernel = kernelOf(options);
  const refusal = await kernel.refusal(only.path, `userpci reset ${address} --method ${method}`);
  if (refusal !== null) throw refusal;
  const writer = await kernel.start("reset", address);
  // The writer alone would not keep this process alive until it answers.
  const alive = setInterval(() => undefined, 1000);
  try {
    const record = recordOf("reset", address, writer.identity);
    const lock = await FunctionLock.take(record, options);
    if (!(lock instanceof FunctionLock)) {
      const hint = `when that has ended: userpci reset ${address} --plan`;
      throw lockedBy(lock, lockPath(address, options), hint);
    }
    const path = functionPath(address, options, "reset");
    const act = () => timed(() => tell(path, address, () => writer.write(path, "1", only)));
    return await always(act, () => lock.release(), `reset ${address}:`);
  } finally {
    clearInterval(alive);
    writer.close();
  }
}

/** Runs a write into a file of the kernel's. @throws PciError what {@link resetFunction} throws */
async function tell(path: string, address: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (cause) {
    if (isPciError(cause)) throw cause;
    const { code } = systemFailure(cause);
    if (code === "ENOENT")
      throw noReset(
        `${address} cannot be reset: there is no ${path}`,
        `userpci show ${address} lists its methods`,
      );
    if (code === "EAGAIN") {
      const hint = "wait until its driver is done with it, and try again";
      throw new PciError("ERR_BUSY", `the kernel is at ${address} and does not reset it now`, {
        path,
        hint,
        cause,
      });
    }
    if (code === "ENOTTY") {
      throw noReset(
        `none of the methods of ${address} works where it is now`,
        "a reset of the bus needs it to be alone there",
      );
    }
    throw explainWrite(path, cause, `userpci reset ${address}`);
  }
}

/** @throws PciError `ERR_DEVICE_GONE` */
function requireAnswer(address: string, options: TreeOptions): void {
  try {
    using config = new ConfigFile(address, options);
    if (config.read32(0) !== NOBODY) return;
  } catch (error) {
    if (!isPciError(error, "ERR_NO_DEVICE")) throw error;
  }
  throw new PciError("ERR_DEVICE_GONE", `${address} does not answer after its reset`, {
    hint: "sudo dmesg | tail may say why; removing it and scanning the bus again may bring it back",
  });
}
