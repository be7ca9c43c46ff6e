import { isPciError, type RegionArea } from "@userpci/interface";
import { infoCapabilities } from "@userpci/vfio-native/structures";
import { protocolError } from "./errors.ts";
import { regionCapability, regionFlag, regionInfo, sparseArea, sparseMmap } from "./structures.ts";

/** A region as REGION_GET_INFO tells of it. */
export interface RegionDescription {
  readonly index: number;
  /** Bytes; 0 for a region that is not there. */
  readonly size: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Where the region begins in its descriptor, in bytes: an area is mapped at this and its own offset. */
  readonly offset: bigint;
  /** What can be mapped, all by the one descriptor that the answer brings; empty if nothing can. */
  readonly areas: readonly RegionArea[];
}

/** More areas than any device has. */
const MOST_AREAS = 1024;

/** Bytes of the payload of the whole answer. */
export const regionInfoSize = (areas: number): number =>
  areas === 0 ? regionInfo.size : regionInfo.size + sparseMmap.size + areas * sparseArea.size;

/**
 * Makes the payload of the answer to REGION_GET_INFO.
 *
 * @param room `argsz` of the request. If the areas do not fit in it, the answer says by its own `argsz` how much they take,
 * and has no capabilities (QEMU refuses the flag without them); the descriptor goes only with the answer that has them
 */
export function encodeRegionInfo(region: RegionDescription, room: number): Uint8Array<ArrayBuffer> {
  const { index, size, offset, readable, writable, areas } = region;
  const argsz = regionInfoSize(areas.length);
  const full = areas.length > 0 && room >= argsz;
  const flags =
    (readable ? regionFlag.READ : 0) |
    (writable ? regionFlag.WRITE : 0) |
    (areas.length > 0 ? regionFlag.MMAP : 0) |
    (full ? regionFlag.CAPS : 0);
  const cap_offset = full ? regionInfo.size : 0;
  const bytes = regionInfo.pack(
    { argsz, flags, index, cap_offset, size, offset },
    full ? argsz - regionInfo.size : 0,
  );
  if (!full) return bytes;
  sparseMmap.write(
    bytes,
    { id: regionCapability.SPARSE_MMAP, version: 1, nr_areas: areas.length },
    cap_offset,
  );
  areas.forEach((area, i) => {
    const at = cap_offset + sparseMmap.size + i * sparseArea.size;
    sparseArea.write(bytes, { offset: BigInt(area.offset), size: BigInt(area.size) }, at);
  });
  return bytes;
}

/** What {@link decodeRegionInfo} found. */
export interface DecodedRegionInfo extends RegionDescription {
  /** Bytes that the whole answer takes: more than there are if areas are missing. */
  readonly argsz: number;
  /** Whether something can be mapped, even if the areas are not named: then it is the whole region. */
  readonly mappable: boolean;
}

/**
 * Reads the payload of the answer to REGION_GET_INFO.
 *
 * @throws PciError `ERR_PROTOCOL` for one that is too short, capabilities that lead out of it, or areas that leave the region
 */
export function decodeRegionInfo(payload: Uint8Array): DecodedRegionInfo {
  if (payload.length < regionInfo.size) {
    throw protocolError(`REGION_GET_INFO answered with ${payload.length} bytes, not ${regionInfo.size}`);
  }
  const { argsz, flags, index, cap_offset, size, offset } = regionInfo.read(payload);
  const has = (flag: number): boolean => (flags & flag) !== 0;
  return {
    argsz,
    index,
    size,
    offset,
    readable: has(regionFlag.READ),
    writable: has(regionFlag.WRITE),
    mappable: has(regionFlag.MMAP),
    areas: has(regionFlag.CAPS) ? readAreas(payload, cap_offset, size) : [],
  };
}

function readAreas(payload: Uint8Array, first: number, size: bigint): RegionArea[] {
  const areas: RegionArea[] = [];
  try {
    for (const { id, offset } of infoCapabilities(payload, first, regionInfo.size)) {
      if (id === regionCapability.SPARSE_MMAP) areas.push(...readSparse(payload, offset, size));
    }
  } catch (error) {
    if (!isPciError(error, "ERR_CAPABILITY")) throw error;
    throw protocolError("REGION_GET_INFO answered with capabilities that lead out of the message", error);
  }
  return areas;
}

function readSparse(payload: Uint8Array, at: number, size: bigint): RegionArea[] {
  const room = payload.length - at - sparseMmap.size;
  if (room < 0) throw protocolError("a sparse capability that leaves the message");
  const { nr_areas } = sparseMmap.read(payload, at);
  if (nr_areas > MOST_AREAS || nr_areas * sparseArea.size > room) {
    throw protocolError(`${nr_areas} mappable areas in ${room} bytes`);
  }
  return Array.from({ length: nr_areas }, (_, i) => {
    const area = sparseArea.read(payload, at + sparseMmap.size + i * sparseArea.size);
    if (area.offset + area.size > size) {
      throw protocolError(`an area of ${area.size} bytes at ${area.offset} of a region of ${size} bytes`);
    }
    return { offset: Number(area.offset), size: Number(area.size) };
  });
}
