import { capability } from "../capability.ts";
import { address, bits, flag, register } from "../table.ts";

/** Bytes of the MSI-X capability. */
export const MSIX_LENGTH = 12;

/** MSI-X (section 7.7.2). */
export const msix = capability({
  id: 0x11,
  title: "MSI-X",
  length: MSIX_LENGTH,
  registers: {
    control: register(0x02, 16, "7.7.2.2", "MSI-X Message Control", {
      tableSize: bits(10, 0, "RO", "Vectors in the table, minus 1"),
      functionMask: flag(14, "RW", "All vectors masked"),
      enable: flag(15, "RW", "MSI-X enabled"),
    }),
    table: register(0x04, 32, "7.7.2.3", "MSI-X Table Offset/BIR", {
      bar: bits(2, 0, "RO", "BAR that holds the table"),
      offset: address(31, 3, "RO", "Bytes into the BAR"),
    }),
    pba: register(0x08, 32, "7.7.2.4", "MSI-X Pending Bit Array Offset/BIR", {
      bar: bits(2, 0, "RO", "BAR that holds the pending bits"),
      offset: address(31, 3, "RO", "Bytes into the BAR"),
    }),
  },
});
