import { type2Header } from "../cardbus-header.ts";
import { type0Header } from "../header.ts";
import type { ConfigBytes } from "./config-bytes.ts";

const SSVID = 0x0d;

/** Ids of a subsystem. */
export interface Subsystem {
  readonly subvendor: number;
  readonly subdevice: number;
}

/** The subsystem of a function: from its header or, for a bridge, from its capability. Undefined if it has none. */
export function subsystemOf(config: ConfigBytes): Subsystem | undefined {
  const at = subsystemOffset(config);
  if (at === undefined) return undefined;
  return realSubsystem({ subvendor: config.read16(at), subdevice: config.read16(at + 2) });
}

/** A subsystem, if its vendor is one. */
export function realSubsystem(subsystem: Subsystem): Subsystem | undefined {
  const { subvendor } = subsystem;
  return subvendor === 0 || subvendor === 0xffff ? undefined : subsystem;
}

function subsystemOffset(config: ConfigBytes): number | undefined {
  const layout = config.read8(0x0e) & 0x7f;
  if (layout === 0) return type0Header.subsystemVendorId.offset;
  if (layout === 2) return type2Header.subsystemVendorId.offset;
  return layout === 1 ? bridgeSubsystemOffset(config) : undefined;
}

function bridgeSubsystemOffset(config: ConfigBytes): number | undefined {
  if ((config.read16(0x06) & 0x10) === 0) return undefined;
  const seen = new Set<number>();
  for (let offset = config.read8(0x34) & ~3; offset !== 0 && !seen.has(offset); ) {
    seen.add(offset);
    if (!config.has(offset, 4)) return undefined;
    const id = config.read8(offset);
    if (id === SSVID) return offset + 4;
    if (id === 0xff) return undefined;
    offset = config.read8(offset + 1) & ~3;
  }
  return undefined;
}
