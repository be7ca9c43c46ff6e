import { closeSync, openSync, readSync } from "node:fs";
import { functionPath } from "./function.ts";
import type { TreeOptions } from "./tree.ts";

/** Bytes of configuration space with the extended capabilities. */
const SIZE = 4096;
/** Where capabilities begin: in the header's pointer, and at a fixed place. */
const STATUS = 0x06;
const CAPABILITIES_POINTER = 0x34;
const FIRST_CAPABILITY = 0x40;
const FIRST_EXTENDED = 0x100;
/** The bit of the status register that says that there are capabilities. */
const HAS_CAPABILITIES = 0x10;
/** More cannot be in the space that there is. */
const MOST_CAPABILITIES = 48;
const MOST_EXTENDED = 960;

/**
 * A function's configuration space, as far as this user may read it: 64 bytes for an ordinary one. Empty for a function that is
 * gone, and where a snapshot has none.
 */
export function readConfigBytes(address: string, options: TreeOptions): Buffer {
  try {
    const file = openSync(functionPath(address, options, "config"), "r");
    try {
      const bytes = Buffer.alloc(SIZE);
      return bytes.subarray(0, readSync(file, bytes, 0, SIZE, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return Buffer.alloc(0);
  }
}

/**
 * Where a capability begins, undefined if the bytes do not reach to it.
 *
 * @returns null for a function that has none of that id, undefined where the bytes end before that is known
 */
export function findCapability(bytes: Buffer, id: number): number | null | undefined {
  if (bytes.length < FIRST_CAPABILITY) return undefined;
  if ((bytes.readUInt16LE(STATUS) & HAS_CAPABILITIES) === 0) return null;
  let at = bytes[CAPABILITIES_POINTER]! & 0xfc;
  for (let seen = 0; at >= FIRST_CAPABILITY && seen < MOST_CAPABILITIES; seen++) {
    if (at + 2 > bytes.length) return undefined;
    if (bytes[at] === id) return at;
    at = bytes[at + 1]! & 0xfc;
  }
  return null;
}

/** {@link findCapability} for an extended capability (PCI Express 5.0, section 7.6). */
export function findExtended(bytes: Buffer, id: number): number | null | undefined {
  let at = FIRST_EXTENDED;
  for (let seen = 0; at >= FIRST_EXTENDED && seen < MOST_EXTENDED; seen++) {
    if (at + 4 > bytes.length) return undefined;
    const head = bytes.readUInt32LE(at);
    // An empty list has zeros, or ones where nothing answers.
    if (head === 0 || head === 0xffff_ffff) return null;
    if ((head & 0xffff) === id) return at;
    at = (head >>> 20) & 0xffc;
  }
  return null;
}
