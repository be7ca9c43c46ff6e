import { value } from "../table.ts";

const section = "virtio 1.3, 4.1.4";

/** Registers of the vendor-specific capabilities of virtio functions. */
export const virtioCapability = {
  length: value(0x02, 8, section, "Length, in bytes", "RO"),
  type: value(0x03, 8, section, "What the region holds", "RO"),
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
