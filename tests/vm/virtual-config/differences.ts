import { functionsAt } from "../machines.ts";
import type { Difference } from "./compare.ts";

/**
 * Where the kernel and our tables part, on purpose. Whatever else differs fails the comparison, and so does a row that no
 * longer differs.
 */
export interface KnownDifference extends Pick<Difference, "address" | "place" | "what"> {
  /** The bits that differ: of the dword for `device`, else of what was read. */
  readonly bits: number;
  /** Where `drivers/vfio/pci/vfio_pci_config.c` of Linux 6.12 makes it. */
  readonly source: string;
  readonly reason: string;
}

export const knownDifferences: readonly KnownDifference[] = [
  {
    address: functionsAt.igbVf,
    place: "header+4",
    what: "device",
    bits: 0x0000_0002,
    source:
      "init_pci_cap_basic_perm(): p_setw(perm, PCI_COMMAND, PCI_COMMAND_INTX_DISABLE, (u16)ALL_WRITE), which names no virtual memory enable",
    reason:
      "the kernel keeps a virtual function's memory enable for the user and writes it to the device as well, where the SR-IOV specification ties it to 0 (9.3.4.1.3); QEMU's virtual function stores it. Ours does not write what must have no effect",
  },
];

/** Splits what was found into differences that are not known, and rows of the function that explain none. */
export function judge(
  address: string,
  found: readonly Difference[],
): { unknown: readonly Difference[]; vanished: readonly KnownDifference[] } {
  const rows = knownDifferences.filter((row) => row.address === address);
  const explains = (row: KnownDifference, { place, what, kernel, ours }: Difference): boolean =>
    row.place === place && row.what === what && ((kernel ^ ours) & ~row.bits) === 0;
  return {
    unknown: found.filter((difference) => !rows.some((row) => explains(row, difference))),
    vanished: rows.filter((row) => !found.some((difference) => explains(row, difference))),
  };
}
