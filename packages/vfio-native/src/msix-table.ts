import type { Region, RegionArea } from "@userpci/interface";

/** Where a function keeps its MSI-X table. */
export interface MsixTable extends RegionArea {
  readonly bar: number;
}

/** Id of the MSI-X capability, and where its table fields are (PCI 3.0, section 6.8.2). */
const MSIX = 0x11;
const MESSAGE_CONTROL = 2;
const TABLE_OFFSET = 4;
const CAPABILITY_SIZE = 12;
const ENTRY_SIZE = 16;

/** Registers of the header that lead to the list of capabilities (PCI 3.0, section 6.7). */
const STATUS = 0x06;
const STATUS_HAS_CAPABILITIES = 1 << 4;
const POINTER = 0x34;
/** 192 bytes behind the header, 4 bytes at least each: a longer walk is a cycle. */
const MOST_CAPABILITIES = 48;

/**
 * Finds the MSI-X table by configuration space. The backend needs no more of it than this, so that it does not
 * depend on a decoder.
 *
 * @param config the function's configuration space
 */
export function findMsixTable(config: Region): MsixTable | undefined {
  if ((config.read16(STATUS) & STATUS_HAS_CAPABILITIES) === 0) return undefined;
  let at = config.read8(POINTER) & 0xfc;
  for (let i = 0; i < MOST_CAPABILITIES && at >= 0x40; i++) {
    if (config.read8(at) === MSIX && at + CAPABILITY_SIZE <= config.size) {
      const entries = (config.read16(at + MESSAGE_CONTROL) & 0x7ff) + 1;
      const location = config.read32(at + TABLE_OFFSET);
      const bar = location & 7;
      // 6 and 7 are reserved: such a function has no table that could be guarded.
      return bar > 5 ? undefined : { bar, offset: location - bar, size: entries * ENTRY_SIZE };
    }
    at = config.read8(at + 1) & 0xfc;
  }
  return undefined;
}
