import type { Region } from "@userpci/interface";
import { bytesRegion } from "../bytes.ts";
import { EXTENDED_SIZE } from "../walk.ts";

const accesses = ["read8", "read16", "read32", "read64", "write8", "write16", "write32", "write64"] as const;

/** A region over bytes that notes each access, such as `read16 0x4`. */
export function recordingRegion(bytes: Uint8Array): { region: Region; log: string[] } {
  const inner = bytesRegion(bytes);
  const log: string[] = [];
  const wrapped = accesses.map((name) => [
    name,
    (offset: number, value?: number | bigint) => {
      log.push(
        value === undefined
          ? `${name} 0x${offset.toString(16)}`
          : `${name} 0x${offset.toString(16)} 0x${value.toString(16)}`,
      );
      return (inner[name] as (offset: number, value?: number | bigint) => unknown)(offset, value);
    },
  ]);
  return { region: { size: inner.size, ...Object.fromEntries(wrapped) } as Region, log };
}

/** What {@link strictRegion} throws, so that a test can tell it from errors that a region may throw. */
export class OutsideRead extends Error {}

/**
 * A region that fails the test on any access outside it or behind a config space, and when it is read more often than any
 * walk may.
 */
export function strictRegion(bytes: Uint8Array, mostReads: number): Region {
  const inner = bytesRegion(bytes);
  const end = Math.min(inner.size, EXTENDED_SIZE);
  let reads = 0;
  const check = (offset: number, width: number): number => {
    if (++reads > mostReads) throw new OutsideRead(`more than ${mostReads} reads`);
    if (offset < 0 || offset % width !== 0 || offset + width > end) {
      throw new OutsideRead(`${width} bytes at ${offset} of ${end}`);
    }
    return offset;
  };
  const refuse = (): never => {
    throw new OutsideRead("a write");
  };
  return {
    size: inner.size,
    read8: (offset) => inner.read8(check(offset, 1)),
    read16: (offset) => inner.read16(check(offset, 2)),
    read32: (offset) => inner.read32(check(offset, 4)),
    read64: (offset) => inner.read64(check(offset, 8)),
    write8: refuse,
    write16: refuse,
    write32: refuse,
    write64: refuse,
  };
}

/** Bytes of a space of `size` with numbers put into it: `[offset, bytes…]` each. */
export function space(
  size: number,
  ...parts: readonly (readonly [offset: number, ...bytes: number[]])[]
): Uint8Array {
  const bytes = new Uint8Array(size);
  for (const [offset, ...part] of parts) bytes.set(part, offset);
  return bytes;
}

/** Status with a capability list that begins at `first`. */
export const list = (first: number): [number, ...number[]][] => [
  [0x06, 0x10],
  [0x34, first],
];

/** The code of the PciError that `run` throws. */
export function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
  return "nothing thrown";
}
