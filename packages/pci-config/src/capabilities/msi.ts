import { capability } from "../capability.ts";
import { rawAt } from "../register.ts";
import { bits, fieldOf, flag, register, value } from "../table.ts";

const vectors = ["1 vector", "2 vectors", "4 vectors", "8 vectors", "16 vectors", "32 vectors"];

const control = register(0x02, 16, "7.7.1.2", "MSI Message Control", {
  enable: flag(0, "RW", "MSI enabled"),
  multipleCapable: bits(3, 1, "RO", "Vectors the function can send, log2", vectors),
  multipleEnable: bits(6, 4, "RW", "Vectors it may send, log2", vectors),
  address64: flag(7, "RO", "64-bit address"),
  perVectorMasking: flag(8, "RO", "Masks per vector"),
  extendedDataCapable: flag(9, "RO", "Extended message data capable"),
  extendedDataEnable: flag(10, "RW", "Extended message data enabled"),
});

/**
 * MSI (section 7.7.1). Its four layouts are two independent traits: a 64-bit address moves what follows by 4 bytes, and
 * masking per vector adds 10 to the length (row R7).
 */
export const msi = capability({
  id: 0x05,
  title: "Message Signaled Interrupts",
  traits: function* (region, offset) {
    const flags = rawAt(region, offset, control);
    const { address64, perVectorMasking, extendedDataCapable } = control.fields;
    if (fieldOf(address64, flags) !== 0) yield "address64";
    if (fieldOf(perVectorMasking, flags) !== 0) yield "masking";
    if (fieldOf(extendedDataCapable, flags) !== 0) yield "extendedData";
  },
  length: (_region, _offset, traits) => {
    const data = traits.has("extendedData") ? 12 : 10;
    return (traits.has("masking") ? 20 : data) + (traits.has("address64") ? 4 : 0);
  },
  registers: {
    control,
    addressLo: value(0x04, 32, "7.7.1.3", "MSI Message Address", "RW", { reservedBits: 0x3 }),
    addressHi: value(0x08, 32, "7.7.1.4", "MSI Message Upper Address", "RW", { when: "address64" }),
    data: value(0x08, 16, "7.7.1.5", "MSI Message Data", "RW", { moved: { when: "address64", by: 4 } }),
    extendedData: value(0x0a, 16, "7.7.1.6", "MSI Extended Message Data", "RW", {
      when: "extendedData",
      moved: { when: "address64", by: 4 },
    }),
    mask: value(0x0c, 32, "7.7.1.7", "MSI Mask Bits", "RW", {
      when: "masking",
      moved: { when: "address64", by: 4 },
    }),
    pending: value(0x10, 32, "7.7.1.8", "MSI Pending Bits", "RO", {
      when: "masking",
      moved: { when: "address64", by: 4 },
    }),
  },
});
