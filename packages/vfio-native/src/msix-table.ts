import type { Region, RegionArea } from "@userpci/interface";
import { findCapability } from "./find-capability.ts";

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

/**
 * Finds the MSI-X table by configuration space.
 *
 * @param config the function's configuration space
 */
export function findMsixTable(config: Region): MsixTable | undefined {
  const at = findCapability(config, MSIX);
  if (at === undefined || at + CAPABILITY_SIZE > config.size) return undefined;
  const entries = (config.read16(at + MESSAGE_CONTROL) & 0x7ff) + 1;
  const location = config.read32(at + TABLE_OFFSET);
  const bar = location & 7;
  // 6 and 7 are reserved: such a function has no table that could be guarded.
  return bar > 5 ? undefined : { bar, offset: location - bar, size: entries * ENTRY_SIZE };
}
