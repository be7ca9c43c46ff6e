import { type DirtyLog, type DmaMapping, Failures, PciError } from "@userpci/interface";
import { DmaBuffer } from "./buffer.ts";

/** The buffers of one device that are open, oldest first. */
export class BufferSet {
  readonly #buffers = new Set<DmaBuffer>();
  #made = 0;
  #madeBytes = 0;

  /** Buffers that were ever added, and their bytes. */
  get made(): { readonly buffers: number; readonly bytes: number } {
    return { buffers: this.#made, bytes: this.#madeBytes };
  }

  /** Bytes that the device can reach through them. */
  get pinnedBytes(): number {
    let bytes = 0;
    for (const buffer of this.#buffers) bytes += buffer.pinnedBytes;
    return bytes;
  }

  /** A copy, so that they may be closed while it is walked. */
  list(): DmaBuffer[] {
    return [...this.#buffers];
  }

  /**
   * Makes a buffer of a mapping.
   *
   * @param ownsMemory whether the memory is closed with the buffer
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for memory that is not what it should be: it is then unmapped
   */
  add(mapping: DmaMapping, ownsMemory: boolean, dirty: DirtyLog | undefined): DmaBuffer {
    const buffer = make(mapping, ownsMemory, dirty, (closed) => this.#buffers.delete(closed));
    this.#buffers.add(buffer);
    this.#made += 1;
    this.#madeBytes += mapping.size;
    return buffer;
  }

  /** Closes them, the youngest first. Each is tried, and those that could not be unmapped stay. @throws what was thrown */
  async close(): Promise<void> {
    const failures = new Failures();
    for (const buffer of this.list().toReversed()) await failures.tryAsync(() => buffer.close());
    throwIfAny(failures);
  }

  /** {@link close} on this thread, but for those that a call of `close` is closing. */
  closeSync(): void {
    const failures = new Failures();
    for (const buffer of this.list().toReversed()) {
      if (!buffer.closing) failures.try(() => buffer.closeSync());
    }
    throwIfAny(failures);
  }
}

function make(
  mapping: DmaMapping,
  ownsMemory: boolean,
  dirty: DirtyLog | undefined,
  onClose: (buffer: DmaBuffer) => void,
): DmaBuffer {
  try {
    return new DmaBuffer({ mapping, ownsMemory, dirty, onClose });
  } catch (error) {
    try {
      mapping.unmapSync();
    } catch (stuck) {
      throw new PciError("ERR_BUSY", `the memory is no buffer, and stays mapped: ${String(error)}`, {
        hint: "unmap it through domain.mappings(), or close the domain",
        cause: new AggregateError([error, stuck], "the buffer and unmap both failed"),
      });
    }
    throw error;
  }
}

function throwIfAny(failures: Failures): void {
  failures.throwIfAny("the device's DMA memory is closed, but");
}
