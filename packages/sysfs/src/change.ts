import { DriverChange, type DriverOptions } from "./driver.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import type { Kernel } from "./kernel.ts";

/** What a call does to a function. */
export type Action = "bind" | "unbind";

/**
 * Runs the part of a call that changes a function's driver.
 *
 * @param address in the kernel's spelling
 * @param work given the function as it is by now
 */
export async function changing<T>(
  kernel: Kernel,
  action: Action,
  address: string,
  options: DriverOptions,
  work: (change: DriverChange, fn: PciFunction) => Promise<T>,
): Promise<T> {
  kernel.start(`userpci: ${action} ${address}`);
  try {
    const fn = findFunction(address, options);
    return await work(new DriverChange(kernel, fn, options), fn);
  } finally {
    kernel.stop();
  }
}
