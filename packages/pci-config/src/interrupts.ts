import { PciError } from "@userpci/interface";
import type { ConfigSpace } from "./config.ts";
import type { Capability } from "./standard.ts";

/** A span inside a BAR. */
export interface BarSpan {
  /** Number of the BAR, 0 to 5. */
  readonly bar: number;
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Where MSI-X lives in the function's memory (section 7.7.2). */
export interface MsixLayout {
  /** Vectors in the table: 1 to 2048. */
  readonly vectors: number;
  /** The table, 16 bytes a vector. */
  readonly table: BarSpan;
  /** The pending bits, 8 bytes for each 64 vectors begun. */
  readonly pba: BarSpan;
}

/** BARs that the BAR indicator of MSI-X can name; 6 and 7 are reserved. */
export const LAST_BAR = 5;

/**
 * Locates the table and the pending bits of MSI-X.
 *
 * @throws PciError `ERR_CAPABILITY` if the capability is cut off or names a BAR that does not exist
 */
export function msixLayout(msix: Capability<"msix">): MsixLayout {
  const vectors = msix.control.tableSize + 1;
  return {
    vectors,
    table: { ...place("table", msix.table.read()), size: vectors * 16 },
    pba: { ...place("pending bits", msix.pba.read()), size: Math.ceil(vectors / 64) * 8 },
  };
}

function place(what: string, at: { bar: number; offset: number }): { bar: number; offset: number } {
  if (at.bar <= LAST_BAR) return at;
  throw new PciError(
    "ERR_CAPABILITY",
    `the MSI-X ${what} are said to be in BAR ${at.bar}; the last is ${LAST_BAR}`,
    { hint: "the device's own bytes are wrong: use MSI or INTx; `check(config)` lists what else is" },
  );
}

/** How many interrupt vectors a function has, by kind; 0 where it does not have the kind. */
export interface VectorCounts {
  readonly intx: number;
  readonly msi: number;
  readonly msix: number;
}

/** Largest log2 of MSI's vector count; 6 and 7 are reserved. */
const MOST_MSI_LOG2 = 5;

/**
 * Counts the vectors of a function.
 *
 * @throws PciError `ERR_CAPABILITY` if a capability is cut off
 */
export function vectorCounts(config: ConfigSpace): VectorCounts {
  return countVectors(config.interruptPin, config.find("msi"), config.find("msix"));
}

/** As {@link vectorCounts}, of the capabilities where they were found. */
export function countVectors(
  pin: number,
  msi: Capability<"msi"> | undefined,
  msix: Capability<"msix"> | undefined,
): VectorCounts {
  return {
    intx: pin >= 1 && pin <= 4 ? 1 : 0,
    msi: msi ? 2 ** Math.min(msi.control.multipleCapable, MOST_MSI_LOG2) : 0,
    msix: msix ? msix.control.tableSize + 1 : 0,
  };
}
