import type { RegisterAccess, RegisterRow } from "./table.ts";

/** What the bits of 32 of a register do; each bit of a mask is one of its. */
export interface WordMasks {
  /** Bits that there are: all but of a register narrower than 32 bits. */
  readonly all: number;
  /** Take what is written. */
  readonly stored: number;
  /** Cleared by writing 1. */
  readonly clearedByOne: number;
  /** Set by writing 1. */
  readonly setByOne: number;
  /** Cleared by reading. */
  readonly clearedByRead: number;
  /** Answer when they are read. */
  readonly readable: number;
}

/** The masks of a row's words of 32 bits, the low one first. */
export function masksOf(row: RegisterRow): readonly WordMasks[] {
  const of = (...kinds: readonly RegisterAccess[]): bigint => bitsOf(row, kinds);
  const words = row.width === 64 ? [0n, 32n] : [0n];
  return words.map((shift) => {
    const word = (bits: bigint): number => Number(BigInt.asUintN(32, bits >> shift));
    return {
      all: word((1n << BigInt(row.width)) - 1n),
      stored: word(of("rw", "wo")),
      clearedByOne: word(of("rw1c")),
      setByOne: word(of("rw1s")),
      clearedByRead: word(of("rc")),
      readable: word(of("ro", "rw", "rw1c", "rw1s", "rc")),
    };
  });
}

/** The bits of a row that have one of the kinds of access; those of no field have the row's. */
export function bitsOf(row: RegisterRow, kinds: readonly RegisterAccess[]): bigint {
  let bits = kinds.includes(row.access) ? (1n << BigInt(row.width)) - 1n : 0n;
  for (const { lo, hi = lo, access = row.access } of Object.values(row.fields ?? {})) {
    const span = ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
    bits = kinds.includes(access) ? bits | span : bits & ~span;
  }
  return bits;
}
