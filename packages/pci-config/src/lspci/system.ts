import type { PrintedDevice } from "./capability-text.ts";

/** The driver that owns a device, and the modules that could. */
export function kernelText({ device }: PrintedDevice): string {
  const { driver, modules = [] } = device.system ?? {};
  const owner = driver === undefined ? "" : `\tKernel driver in use: ${driver}\n`;
  return modules.length === 0 ? owner : `${owner}\tKernel modules: ${modules.join(", ")}\n`;
}
