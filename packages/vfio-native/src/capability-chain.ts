import { PciError } from "@userpci/interface";
import { infoCapHeader } from "./uapi/vfio.ts";

/** A capability that the kernel put behind an info structure. */
export interface InfoCapability {
  readonly id: number;
  readonly version: number;
  /** Offset of its header in the buffer. */
  readonly offset: number;
}

/**
 * Walks the capabilities behind a `vfio_*_info` structure (`struct vfio_info_cap_header`). Every step is bounded by the
 * buffer, and a chain that does not move forward ends with an error instead of a loop.
 *
 * @param bytes the whole buffer the kernel filled
 * @param first `cap_offset` of the structure; 0 if there are none
 * @param fixedSize size of the structure itself, which a capability may not overlap
 * @throws PciError `ERR_CAPABILITY`
 */
export function* infoCapabilities(
  bytes: Uint8Array,
  first: number,
  fixedSize: number,
): Generator<InfoCapability> {
  let previous = fixedSize - 1;
  for (let offset = first; offset !== 0; ) {
    if (offset <= previous || offset + infoCapHeader.size > bytes.length) {
      throw new PciError(
        "ERR_CAPABILITY",
        `capability at offset ${offset} is not between ${previous + 1} and the end of ${bytes.length} bytes`,
      );
    }
    const { id, version, next } = infoCapHeader.read(bytes, offset);
    yield { id, version, offset };
    previous = offset;
    offset = next;
  }
}

/**
 * Reads the array of `count` records behind a capability's fixed part.
 *
 * @throws PciError `ERR_CAPABILITY` if it would reach past the buffer
 */
export function capabilityRecords<T>(
  bytes: Uint8Array,
  at: number,
  count: number,
  record: { readonly size: number; read(bytes: Uint8Array, at: number): T },
): T[] {
  if (at + count * record.size > bytes.length) {
    throw new PciError(
      "ERR_CAPABILITY",
      `${count} records of ${record.size} bytes at offset ${at} do not fit in ${bytes.length} bytes`,
    );
  }
  return Array.from({ length: count }, (_, i) => record.read(bytes, at + i * record.size));
}
