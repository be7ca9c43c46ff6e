import { systemError } from "./errno.ts";
import type { Native } from "./native.ts";

/** What to map of a file. */
export interface MappingOptions {
  readonly fd: number;
  /** Bytes into the file. */
  readonly offset: number;
  /** Bytes, a page multiple. */
  readonly size: number;
  /** `PROT_` constants. */
  readonly rights: number;
  /** Whether what is written stays in this process (`MAP_PRIVATE`). Default false: it is in the file. */
  readonly copy?: boolean;
}

/** A mapping of a file and the one buffer that shows it. One of the two ways ends it. */
export interface Mapping {
  /** Where it is in this process. */
  readonly address: number;
  readonly buffer: ArrayBuffer;
  /**
   * Shows another file of the same size at the same place.
   *
   * @param fd stays the caller's
   * @throws PciError with the system's code; nothing is changed then
   */
  exchange(fd: number): void;
  /** Detaches the buffer, so that views become empty, and unmaps. For bytes that nobody else was given. */
  unmap(): void;
  /**
   * Detaches the buffer and frees the memory, and lets harmless memory take its place until no call on another thread
   * can use the bytes any more.
   *
   * @throws PciError with the system's code; nothing is changed then
   */
  retire(): void;
}

/** Buffers that show mappings. */
const shown = new WeakSet<ArrayBufferLike>();

/** Whether a buffer shows a mapping of a file, which is kept from children as long as it lives. */
export const showsMapping = (buffer: ArrayBufferLike): boolean => shown.has(buffer);

/**
 * Maps a part of a file and keeps it from children: a fork must not reach a device through it (row R19).
 *
 * @throws PciError with the system's code; nothing is then mapped
 */
export function mapFile(native: Native, { fd, offset, size, rights, copy }: MappingOptions): Mapping {
  const { MAP_PRIVATE, MAP_SHARED } = native.constants;
  const address = native.mmap(size, rights, copy ? MAP_PRIVATE : MAP_SHARED, fd, offset);
  if (address < 0) throw systemError(address, "mmap", { message: `mapping ${size} bytes` });
  native.madvise(address, size, native.constants.MADV_DONTFORK);
  const buffer = native.view(address, size);
  if (typeof buffer === "number") {
    native.munmap(address, size);
    throw systemError(buffer, "napi_create_external_arraybuffer", {
      message: `showing ${size} bytes of mapped memory`,
      hint: "run on Node.js itself: this runtime keeps all buffers inside its own heap",
    });
  }
  shown.add(buffer);
  return {
    address,
    buffer,
    exchange(other) {
      const flags = native.constants.MAP_SHARED | native.constants.MAP_FIXED;
      const result = native.mmap(size, rights, flags, other, offset, address);
      if (result < 0) throw systemError(result, "mmap", { message: `mapping ${size} bytes anew` });
      native.madvise(address, size, native.constants.MADV_DONTFORK);
    },
    unmap() {
      native.detach(buffer);
      native.munmap(address, size);
    },
    retire() {
      const result = native.retire(buffer);
      if (result < 0) throw systemError(result, "mmap", { message: `giving ${size} bytes of memory back` });
    },
  };
}
