import {
  checkInteger,
  isPciError,
  type OwnedRegion,
  PciError,
  type Region,
  type RegionArea,
  type RegionInfo,
  regionIndex,
} from "@userpci/interface";
import { capabilityRecords, infoCapabilities } from "./capability-chain.ts";
import type { Blockable, DeviceAccess } from "./device-access.ts";
import { mapDeviceWindow } from "./device-window.ts";
import { query } from "./ioctl.ts";
import { JoinedRegion } from "./joined-region.ts";
import { MappedRegion, type MappedWindow } from "./mapped-region.ts";
import { findMsixTable, type MsixTable } from "./msix-table.ts";
import type { Native } from "./native.ts";
import { PreadRegion, type WideAccess } from "./pread-region.ts";
import * as uapi from "./uapi/vfio.ts";

/** What the kernel says of a region, with where it lies in the device descriptor's file. */
export interface KernelRegion extends RegionInfo {
  readonly base: number;
}

/** A view longer than this is split into windows: it is what every engine can address with one typed array. */
const LARGEST_WINDOW = 2 ** 30;

/** The first base address register, and the bit that makes one of I/O ports (PCI 3.0, section 6.2.5.1). */
const BAR_REGISTERS = 0x10;
const BAR_IS_IO = 1 << 0;

/** Name of a region for people. */
export function regionName(index: number): string {
  if (index <= regionIndex.bar5) return `BAR ${index}`;
  const names: Record<number, string> = { 6: "the expansion ROM", 7: "config space", 8: "the VGA region" };
  return names[index] ?? `region ${index}`;
}

/**
 * Asks the kernel for a region (`VFIO_DEVICE_GET_REGION_INFO`).
 *
 * @returns size 0 for one that the function does not have
 * @throws PciError `ERR_CAPABILITY` if the kernel's answer is malformed, or a system error
 */
export function queryRegion(native: Native, fd: number, index: number): KernelRegion {
  try {
    return describeRegion(native, fd, index);
  } catch (error) {
    // The kernel's answer to the VGA region of a function without one.
    if (!isPciError(error, "EINVAL")) throw error;
    return { index, size: 0, readable: false, writable: false, mappable: [], msixMappable: false, base: 0 };
  }
}

function describeRegion(native: Native, fd: number, index: number): KernelRegion {
  const bytes = query(native, fd, "DEVICE_GET_REGION_INFO", uapi.regionInfo, { index });
  const info = uapi.regionInfo.read(bytes);
  const has = (flag: number): boolean => (info.flags & flag) !== 0;
  const size = Number(info.size);
  let areas: RegionArea[] = size > 0 && has(uapi.regionFlag.MMAP) ? [{ offset: 0, size }] : [];
  let msixMappable = false;
  const first = has(uapi.regionFlag.CAPS) ? info.cap_offset : 0;
  for (const { id, offset } of infoCapabilities(bytes, first, uapi.regionInfo.size)) {
    if (id === uapi.regionCapability.MSIX_MAPPABLE) msixMappable = true;
    if (id === uapi.regionCapability.SPARSE_MMAP) areas = sparseAreas(bytes, offset, size);
  }
  return {
    index,
    size,
    readable: has(uapi.regionFlag.READ),
    writable: has(uapi.regionFlag.WRITE),
    mappable: areas,
    msixMappable,
    base: Number(info.offset),
  };
}

function sparseAreas(bytes: Uint8Array, offset: number, regionSize: number): RegionArea[] {
  const { nr_areas } = uapi.sparseMmap.read(bytes, offset);
  const records = capabilityRecords(bytes, offset + uapi.sparseMmap.size, nr_areas, uapi.sparseArea);
  const areas = records
    .map((area) => ({ offset: Number(area.offset), size: Number(area.size) }))
    .filter(({ size }) => size > 0)
    .sort((a, b) => a.offset - b.offset);
  let end = 0;
  for (const area of areas) {
    if (area.offset < end || area.offset + area.size > regionSize) {
      throw new PciError(
        "ERR_CAPABILITY",
        `a mappable area at 0x${area.offset.toString(16)} overlaps or leaves its region`,
        { hint: "what answers for the device is at fault: the kernel, or the server" },
      );
    }
    end = area.offset + area.size;
  }
  return areas;
}

/** The regions of one device: what the kernel says of them, and access to them. */
export class RegionTable {
  readonly #access: DeviceAccess;
  readonly #regions: readonly KernelRegion[];
  readonly #msix: MsixTable | undefined;
  readonly #wide: WideAccess | undefined;

  /**
   * @param wide accesses of 64 bits by call, where they can be. Memory BARs then count as mapped where they are not: every
   * access of a mapped one can go by call
   */
  constructor(access: DeviceAccess, regions: readonly KernelRegion[], wide?: WideAccess) {
    this.#access = access;
    this.#regions = regions;
    this.#wide = wide;
    const config = regions[regionIndex.config];
    this.#msix = config === undefined ? undefined : findMsixTable(this.#reader(config));
  }

  /** @throws PciError `ERR_OUT_OF_RANGE`, `ERR_CLOSED` */
  info(index: number): KernelRegion {
    this.#access.assertUsable();
    return this.#regions[checkInteger("the region's index", index, 0, this.#regions.length - 1)]!;
  }

  /** See `BackendDevice.region`. */
  region(index: number): Region {
    const info = this.info(index);
    if (info.size === 0) {
      throw new PciError(
        "ERR_NOT_SUPPORTED",
        `${this.#access.address} has no ${regionName(index).replace(/^the /, "")}`,
        {
          hint: "regionInfo(index).size is 0 for what a function does not have; userpci show lists its BARs",
        },
      );
    }
    return this.#reader(info);
  }

  /** See `BackendDevice.mapRegion`. */
  map(index: number): OwnedRegion {
    const info = this.info(index);
    const areas = this.#mappable(info);
    const name = regionName(index);
    if (areas.length === 0 && !this.#servesAll(info)) {
      const unmapped = index <= regionIndex.bar5 ? `device.bar(${index}).region()` : `region(${index})`;
      throw new PciError("ERR_NOT_SUPPORTED", `${name} of ${this.#access.address} cannot be mapped`, {
        hint: `it is an I/O port BAR, the ROM, absent, or smaller than a page: use it unmapped, by ${unmapped}`,
      });
    }
    const windows: MappedWindow[] = [];
    try {
      for (const area of areas) windows.push(mapDeviceWindow(this.#access, info, area, name));
    } catch (error) {
      for (const window of windows) window.release();
      throw error;
    }
    const region = this.#join(info, windows);
    this.#access.add(region);
    return region;
  }

  #join(info: KernelRegion, windows: readonly MappedWindow[]): OwnedRegion & Blockable {
    const name = regionName(info.index);
    const [first] = windows;
    if (first?.buffer.byteLength === info.size) return new MappedRegion(name, first, this.#access);
    return new JoinedRegion(name, info.size, windows, this.#reader(info, this.#wide), this.#access);
  }

  /** Whether a BAR of which nothing can be mapped is as good as mapped: memory of a page or more, as on a system. */
  #servesAll({ index, size }: KernelRegion): boolean {
    if (this.#wide === undefined || index > regionIndex.bar5) return false;
    if (size < this.#access.native.pageSize()) return false;
    const config = this.#reader(this.#regions[regionIndex.config]!);
    return (config.read32(BAR_REGISTERS + 4 * index) & BAR_IS_IO) === 0;
  }

  #reader(info: KernelRegion, wide?: WideAccess): PreadRegion {
    const table = this.#msix?.bar === info.index && !info.msixMappable ? this.#msix : undefined;
    return new PreadRegion(this.#access, {
      name: regionName(info.index),
      base: info.base,
      size: info.size,
      registers: info.index <= regionIndex.bar5,
      bulk: info.index === regionIndex.rom,
      readOnly: !info.writable,
      ...(table && { msixTable: table }),
      ...(wide && { wide }),
    });
  }

  /** The mappable areas in windows, without the pages of an MSI-X table that must not be mapped (row R6). */
  #mappable(info: KernelRegion): RegionArea[] {
    const table = this.#msix?.bar === info.index && !info.msixMappable ? this.#msix : undefined;
    const page = this.#access.native.pageSize();
    const from = table ? Math.floor(table.offset / page) * page : 0;
    const to = table ? Math.ceil((table.offset + table.size) / page) * page : 0;
    const windows: RegionArea[] = [];
    for (const area of info.mappable) {
      const end = area.offset + area.size;
      const parts =
        to > from
          ? [
              [area.offset, Math.min(end, from)],
              [Math.max(area.offset, to), end],
            ]
          : [[area.offset, end]];
      for (const [start, last] of parts) windows.push(...splitWindow(start!, last!));
    }
    return windows;
  }
}

function splitWindow(start: number, end: number): RegionArea[] {
  const windows: RegionArea[] = [];
  for (let offset = start; offset < end; offset += LARGEST_WINDOW) {
    windows.push({ offset, size: Math.min(LARGEST_WINDOW, end - offset) });
  }
  return windows;
}
