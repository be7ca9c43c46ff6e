import { regionIndex } from "@userpci/interface";
import type { VirtualConfigSpace } from "@userpci/pci-config/virtual";
import { type HostRegion, numberAt, putNumber, widthAt } from "./host-region.ts";

/** A user's virtual config space as a region. */
export function configRegion(space: VirtualConfigSpace): HostRegion {
  return {
    info: {
      index: regionIndex.config,
      size: space.size,
      readable: true,
      writable: true,
      mappable: [],
      msixMappable: false,
    },
    read(offset, target) {
      for (let at = 0; at < target.length; ) {
        const width = widthAt(offset + at, target.length - at, 4);
        const place = offset + at;
        const value =
          width === 4 ? space.read32(place) : width === 2 ? space.read16(place) : space.read8(place);
        putNumber(target, at, width, value);
        at += width;
      }
    },
    write(offset, source) {
      for (let at = 0; at < source.length; ) {
        const width = widthAt(offset + at, source.length - at, 4);
        const value = numberAt(source, at, width);
        if (width === 4) space.write32(offset + at, value);
        else if (width === 2) space.write16(offset + at, value);
        else space.write8(offset + at, value);
        at += width;
      }
    },
  };
}
