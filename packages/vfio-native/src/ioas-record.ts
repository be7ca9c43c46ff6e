import type { Iova, MapRequest } from "@userpci/interface";
import { StructRecord } from "./struct-record.ts";
import * as uapi from "./uapi/iommufd.ts";

const { FIXED_IOVA, READABLE, WRITEABLE } = uapi.ioasMapFlag;

/** Flags of a mapping at an address that the domain has chosen, by what the device may do. */
export const directionFlags = {
  "to-device": FIXED_IOVA | READABLE,
  "from-device": FIXED_IOVA | WRITEABLE,
  bidirectional: FIXED_IOVA | READABLE | WRITEABLE,
} as const;

/** A `struct iommu_ioas_map` to be filled for each call. */
export const newMapRecord = (ioas_id: number) =>
  new StructRecord(uapi.ioasMap, { size: uapi.ioasMap.size, ioas_id });

/** A `struct iommu_ioas_unmap` to be filled for each call. */
export const newUnmapRecord = (ioas_id: number) =>
  new StructRecord(uapi.ioasUnmap, { size: uapi.ioasUnmap.size, ioas_id });

/** See {@link newMapRecord}. */
export type MapRecord = ReturnType<typeof newMapRecord>;

/** See {@link newUnmapRecord}. */
export type UnmapRecord = ReturnType<typeof newUnmapRecord>;

/** @param address of the memory in this process */
export function fillMap(
  record: MapRecord,
  { offset, iova, size, direction }: MapRequest,
  address: bigint,
): void {
  record.setU32("flags", directionFlags[direction]);
  record.setU64("user_va", offset === 0 ? address : address + BigInt(offset));
  record.setU64("iova", iova);
  record.setNumber("length", size);
}

/** Names what is to be unmapped. */
export function fillUnmap(record: UnmapRecord, iova: Iova, size: number): void {
  record.setU64("iova", iova);
  record.setNumber("length", size);
}
