import type { Region } from "@userpci/interface";

/** Registers of the header that lead to the list of capabilities (PCI 3.0, section 6.7). */
const STATUS = 0x06;
const STATUS_HAS_CAPABILITIES = 1 << 4;
const POINTER = 0x34;
/** 192 bytes behind the header, 4 bytes at least each: a longer walk is a cycle. */
const MOST_CAPABILITIES = 48;

/**
 * Finds a capability. The backend needs no more of configuration space than this, so that it does not depend on a decoder.
 *
 * @param config the function's configuration space
 * @returns where it begins; undefined if there is none
 */
export function findCapability(config: Pick<Region, "read8" | "read16">, id: number): number | undefined {
  if ((config.read16(STATUS) & STATUS_HAS_CAPABILITIES) === 0) return undefined;
  let at = config.read8(POINTER) & 0xfc;
  for (let i = 0; i < MOST_CAPABILITIES && at >= 0x40; i++) {
    if (config.read8(at) === id) return at;
    at = config.read8(at + 1) & 0xfc;
  }
  return undefined;
}
