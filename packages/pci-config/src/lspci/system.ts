import type { PrintedDevice } from "./capability-text.ts";

/** The driver that owns a device, and the modules that could. */
export function kernelText({ device }: PrintedDevice): string {
  const { driver, modules = [] } = device.system ?? {};
  const owner = driver === undefined ? "" : `\tKernel driver in use: ${driver}\n`;
  return modules.length === 0 ? owner : `${owner}\tKernel modules: ${modules.join(", ")}\n`;
}

/** The name that the firmware gives a device. */
export function nameText({ device }: PrintedDevice): string {
  const label = device.system?.label;
  return label === undefined ? "" : `\tDeviceName: ${label}\n`;
}

/** Where a device is: in a slot, in the device tree. */
export function placeText({ device }: PrintedDevice): string {
  const { physicalSlot, deviceTree } = device.system ?? {};
  const slot = physicalSlot === undefined ? "" : `\tPhysical Slot: ${physicalSlot}\n`;
  return deviceTree === undefined ? slot : `${slot}\tDevice tree node: ${deviceTree}\n`;
}
