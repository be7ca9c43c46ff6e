import { PciError, regionIndex } from "@userpci/interface";
import { requireMemoryDecode } from "./bar-region.ts";
import type { DeviceConfig } from "./device-config.ts";
import type { HostRegion } from "./host-region.ts";

/**
 * The expansion ROM: as the kernel's, which maps the ROM itself, so that its user need not set the enable bit. What the
 * ROM does not fill of its region reads as ones.
 */
export function romRegion(rom: Uint8Array, size: number, config: DeviceConfig): HostRegion {
  return {
    info: {
      index: regionIndex.rom,
      size,
      readable: true,
      writable: false,
      mappable: [],
      msixMappable: false,
    },
    read(offset, target) {
      requireMemoryDecode(config, "the expansion ROM");
      target.fill(0xff);
      if (offset < rom.length) target.set(rom.subarray(offset, offset + target.length));
    },
    write() {
      throw new PciError("ERR_NOT_SUPPORTED", "the expansion ROM cannot be written", {
        hint: "its region is read-only: see `writable` of its information",
      });
    },
  };
}
