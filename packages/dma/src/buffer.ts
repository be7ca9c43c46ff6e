import {
  checkAligned,
  type DirtyLog,
  type DmaDirection,
  type DmaMapping,
  featureMissing,
  type Iova,
  iovaHi,
  iovaLo,
  PciError,
} from "@userpci/interface";
import { type ByteRange, rangesOf } from "./byte-ranges.ts";
import { callerWindow } from "./caller-window.ts";
import type { SharedBuffer } from "./shared-buffer.ts";

/** What a buffer is made of, and whom it tells when it is closed. */
export interface DmaBufferParts {
  readonly mapping: DmaMapping;
  /** Whether the memory is closed with the buffer. */
  readonly ownsMemory: boolean;
  /** Which pages devices write, if the domain can tell. */
  readonly dirty?: DirtyLog | undefined;
  /** Called once, when the buffer is closed. */
  readonly onClose: (buffer: DmaBuffer) => void;
}

/**
 * Memory that this program and a device both see: `bytes` here, `iova` there. Closing takes it away from the device
 * first, and only then frees it (row R14). Made by {@link Dma}.
 *
 * `iova` and the views throw `ERR_CLOSED` once `close` has been called or the domain is closed. In hot loops keep them in constants: a
 * view of freed memory has length 0, it does not crash.
 */
export class DmaBuffer implements AsyncDisposable, Disposable {
  readonly #mapping: DmaMapping;
  readonly #ownsMemory: boolean;
  readonly #onClose: (buffer: DmaBuffer) => void;
  readonly #dirty: DirtyLog | undefined;
  readonly #size: number;
  /** Where the bytes begin in the memory's buffer. */
  readonly #start: number;
  readonly #iova: Iova;
  readonly #iovaLo: number;
  readonly #iovaHi: number;
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #u32: Uint32Array<ArrayBuffer> | undefined;
  #closing: Promise<void> | undefined;
  #onClosing: (() => void) | undefined;
  #state: "open" | "closing" | "closed" = "open";

  /** @internal @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for memory that is not what it should be */
  constructor(parts: DmaBufferParts) {
    this.#mapping = parts.mapping;
    this.#ownsMemory = parts.ownsMemory;
    this.#onClose = parts.onClose;
    this.#dirty = parts.dirty;
    const { memory, offset, size, iova } = parts.mapping;
    const window = callerWindow(memory, offset, size);
    this.#size = window.size;
    this.#start = window.start;
    this.#iova = (window.offset === offset ? iova : iova + BigInt(window.offset - offset)) as Iova;
    this.#iovaLo = iovaLo(this.#iova);
    this.#iovaHi = iovaHi(this.#iova);
  }

  /** Address for the device. */
  get iova(): Iova {
    this.#checkOpen();
    return this.#iova;
  }

  /** Bits 31 to 0 of {@link iova}, unsigned. */
  get iovaLo(): number {
    this.#checkOpen();
    return this.#iovaLo;
  }

  /** Bits 63 to 32 of {@link iova}, unsigned. */
  get iovaHi(): number {
    this.#checkOpen();
    return this.#iovaHi;
  }

  /**
   * Bytes of it: of allocated memory what was asked for, rounded up to whole pages; of the caller's what was given.
   */
  get size(): number {
    return this.#size;
  }

  /**
   * Bytes that the device can reach, and that are pinned for it: the pages that hold the {@link size} bytes (row R13). 0 once
   * they are unmapped.
   */
  get pinnedBytes(): number {
    return this.#mapping.closed ? 0 : this.#mapping.size;
  }

  /** Size in bytes of the pages that back it. */
  get pageSize(): number {
    return this.#mapping.memory.pageSize;
  }

  /** What the device may do with it. */
  get direction(): DmaDirection {
    return this.#mapping.direction;
  }

  /** Name for people, as it was given. */
  get label(): string | undefined {
    return this.#mapping.label;
  }

  /** Whether the device no longer sees it and, if the buffer owned the memory, that is freed. */
  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Whether a call of {@link close} is under way. */
  get closing(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * The bytes that the device sees. The same view at each call. Further views go over `bytes.buffer`, from
   * `bytes.byteOffset`: that is the whole memory, of which `map` may have taken a part. Of a caller's bytes it is their own
   * buffer, also where that is a SharedArrayBuffer; once that was transferred there are none.
   */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.#checkOpen();
    this.#bytes ??= new Uint8Array(...this.#extent(this.#size));
    return this.#bytes;
  }

  /**
   * The same as 32-bit words in this machine's byte order, little-endian on x86 and arm64; as many as are whole.
   *
   * @throws PciError `ERR_MISALIGNED` if the caller's own bytes do not begin at a multiple of 4
   */
  get u32(): Uint32Array<ArrayBuffer> {
    this.#checkOpen();
    checkAligned("the offset of the bytes in their buffer", this.#start, 4);
    this.#u32 ??= new Uint32Array(...this.#extent(Math.floor(this.#size / 4)));
    return this.#u32;
  }

  /** @internal @param listener called whenever the device is about to lose the memory, or has lost it with its domain */
  onClosing(listener: () => void): void {
    this.#onClosing = listener;
    this.#mapping.onClosed?.(listener);
  }

  /** @internal What other threads need to see the bytes. @throws PciError `ERR_CLOSED`, `ERR_NOT_SUPPORTED` */
  share(): SharedBuffer {
    this.#checkOpen();
    const { memory, offset, size, iova, label } = this.#mapping;
    if (memory.share !== undefined) return { memory: memory.share(), offset, size, iova, label };
    throw new PciError("ERR_NOT_SUPPORTED", `${this.#name()} is of memory that only its own thread sees`, {
      hint: "use it here, and post messages to the other thread",
    });
  }

  /**
   * Which of the bytes devices have written since `Dma.trackWrites`, or since the last call: whole pages of it, ascending and
   * apart from each other. Of a page table in software and of an IOMMU with dirty bits those are pages that were written; of
   * type1, where `Dma.tracksExactly` is false, all that could have been.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT` while nothing is tracked, `ERR_NOT_SUPPORTED` where nothing can be, `ERR_CLOSED`
   */
  takeWritten(): ByteRange[] {
    this.#checkOpen();
    if (this.#dirty === undefined) throw featureMissing("dirty-tracking", "the domain");
    const { iova, size } = this.#mapping;
    const first = Number(this.#iova - iova);
    const bits = this.#dirty.take(iova, size);
    return rangesOf(bits, this.#dirty.pageSize, { start: first, size: this.#size });
  }

  /**
   * Takes the memory away from the device, then frees it. Harmless twice. If it cannot be unmapped it is not freed, and the
   * buffer stays open; if it cannot be freed, the buffer has no address and no bytes any more. Either way `close` may be tried
   * again.
   *
   * @throws PciError what the IOMMU said, or who owns the memory
   */
  close(): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined;
    });
    return this.#closing;
  }

  /**
   * {@link close} on this thread.
   *
   * @throws PciError `ERR_BUSY` while a call of `close` is under way
   */
  closeSync(): void {
    if (this.#state === "closed") return;
    if (this.#closing !== undefined) {
      throw new PciError("ERR_BUSY", `${this.#name()} is being closed by a call of close()`, {
        hint: "await that call's promise",
      });
    }
    this.#onClosing?.();
    try {
      this.#mapping.unmapSync();
    } catch (error) {
      throw this.#notFreed(error);
    }
    this.#free();
  }

  /** {@link closeSync}. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    this.#state = "closing";
    this.#onClosing?.();
    try {
      await this.#mapping.unmap();
      const { memory } = this.#mapping;
      if (this.#ownsMemory) await memory.closeAsync?.();
      this.#free();
    } catch (error) {
      this.#state = "open";
      throw this.#mapping.closed ? error : this.#notFreed(error);
    }
  }

  #free(): void {
    if (this.#ownsMemory) this.#mapping.memory.close();
    this.#state = "closed";
    this.#onClose(this);
  }

  #notFreed(error: unknown): PciError {
    const { code, message, hint } = (error ?? {}) as Partial<PciError>;
    return new PciError(
      code ?? "ERR_BUSY",
      `${this.#name()} could not be unmapped, so its memory is not freed: ${message ?? String(error)}`,
      { hint: hint ?? "the device may still use it: close again, or reset the device first", cause: error },
    );
  }

  /** What a view of so many elements is made of. None can be made of a detached buffer, also no empty one. */
  #extent(length: number): [buffer: ArrayBuffer, byteOffset: number, length: number] {
    const { buffer } = this.#mapping.memory;
    return buffer.byteLength === 0 ? [new ArrayBuffer(0), 0, 0] : [buffer, this.#start, length];
  }

  #name(): string {
    return this.label === undefined ? "a DMA buffer without label" : `DMA buffer "${this.label}"`;
  }

  #checkOpen(): void {
    // Unmapped but not freed, or with its domain: the address may be another's.
    if (this.#state === "open" && !this.#mapping.closed) return;
    throw new PciError("ERR_CLOSED", `${this.#name()} is closed`, {
      hint: "allocate another while its device is open: device.dma.alloc(size)",
    });
  }
}
