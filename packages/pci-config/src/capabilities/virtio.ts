import { bits, register, value } from "../table.ts";

const section = "virtio 1.3, 4.1.4";

/** Vendor id of virtio functions. */
const RED_HAT = 0x1af4;

/** Whether a function is virtio's (4.1.2). */
export function isVirtioFunction(vendorId: number, deviceId: number): boolean {
  return vendorId === RED_HAT && deviceId >= 0x1000 && deviceId <= 0x107f;
}

/** Least bytes of a virtio capability. */
export const VIRTIO_LENGTH = 0x10;
/** Types of regions that have more registers. */
export const virtioTypes = { notify: 2, sharedMemory: 8 } as const;

/** Registers of the vendor-specific capabilities of virtio functions. */
export const virtioCapability = {
  length: value(0x02, 8, section, "Length, in bytes", "RO"),
  type: register(0x03, 8, section, "Type of the region", {
    region: bits(7, 0, "RO", "What the region holds", [
      undefined,
      "common configuration",
      "notifications",
      "interrupt status",
      "device configuration",
      "access by configuration space",
      undefined,
      undefined,
      "shared memory",
      "vendor data",
    ]),
  }),
  bar: value(0x04, 8, section, "BAR that holds the region", "RO"),
  id: value(0x05, 8, section, "Number among regions of the type", "RO"),
  offset: value(0x08, 32, section, "Bytes into the BAR", "RO"),
  size: value(0x0c, 32, section, "Bytes of the region", "RO"),
  /** Of the notification region. */
  multiplier: value(0x10, 32, section, "Bytes between the registers of two queues", "RO"),
  /** Of shared memory. */
  offsetHi: value(0x10, 32, section, "Bytes into the BAR, upper 32 bits", "RO"),
  sizeHi: value(0x14, 32, section, "Bytes of the region, upper 32 bits", "RO"),
} as const;
