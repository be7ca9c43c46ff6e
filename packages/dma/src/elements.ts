import { checkInteger, formatValue, type Iova, iovaHi, iovaLo, PciError, toIova } from "@userpci/interface";
import type { DmaBuffer } from "./buffer.ts";
import type { DmaAllocOptions } from "./dma-options.ts";
import type { ElementLayout } from "./element-layout.ts";
import { isShared } from "./mappable.ts";
import type { ElementMemory, SharedBuffer } from "./shared-buffer.ts";

// What every thread sees of the state is one word: 0 while it is open. Not exported: V8 reads what a module exports anew at
// each use, which took a pool's get and put 1.5 ns more.
const STATE = 0;
const OPEN = 0;
const CLOSED = 1;

/** Words from one that a thread writes to one that another does, so that they share no cache line: 128 bytes. */
export const APART = 32;

/** Elements on their way to another thread: plain data. */
export interface SharedElements {
  readonly type: string;
  readonly buffer: SharedBuffer;
  readonly layout: ElementLayout;
  /** The state, and what a pool or ring keeps in words. */
  readonly words: SharedArrayBuffer;
}

/** What elements are made of. */
export interface ElementParts {
  readonly memory: ElementMemory;
  readonly layout: ElementLayout;
  /** As in {@link SharedElements}; of this thread alone where there is no SharedArrayBuffer. */
  readonly words: ArrayBufferLike;
}

/**
 * Elements of one size in memory that a device and several threads see: what pools and rings have in common. An element is
 * named by its index, and where it is, is arithmetic.
 */
export abstract class DmaElements implements AsyncDisposable, Disposable {
  /** Bytes of an element. */
  readonly elementSize: number;
  /** How many there are. */
  readonly count: number;
  readonly #kind: string;
  readonly #memory: ElementMemory;
  readonly #layout: ElementLayout;
  readonly #words: Int32Array;
  readonly #stride: number;
  readonly #perBlock: number;
  readonly #gap: number;
  readonly #iova: Iova;
  readonly #lo: number;
  readonly #hi: number;
  readonly #views: Uint8Array<ArrayBuffer>[] = [];
  #isOpen = true;

  /** @internal */
  constructor(kind: string, { memory, layout, words }: ElementParts) {
    this.#kind = kind;
    this.#memory = memory;
    this.#layout = layout;
    this.#words = new Int32Array(words);
    this.elementSize = layout.elementSize;
    this.count = layout.count;
    this.#stride = layout.stride;
    this.#perBlock = layout.perBlock;
    this.#gap = layout.gap;
    this.#iova = memory.iova;
    this.#lo = iovaLo(memory.iova);
    this.#hi = iovaHi(memory.iova);
  }

  /** Name for people. */
  get label(): string | undefined {
    return this.#memory.label;
  }

  /** Whether this thread has given its memory back. */
  get closed(): boolean {
    return this.#memory.closed;
  }

  /** All of the memory. The same view at each call; it has length 0 once the memory is freed. @throws PciError `ERR_CLOSED` */
  get bytes(): Uint8Array<ArrayBuffer> {
    this.checkOpen();
    return this.#memory.bytes;
  }

  /** The same as 32-bit words in this machine's byte order, little-endian on x86 and arm64. @throws PciError `ERR_CLOSED` */
  get u32(): Uint32Array<ArrayBuffer> {
    this.checkOpen();
    return this.#memory.u32;
  }

  /**
   * Where an element begins in {@link bytes}.
   *
   * @param index 0 to `count` - 1
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` for no integer
   */
  offset(index: number): number {
    // Of anything but a number `>>>` may throw, or call code of the caller's.
    if (!(typeof index === "number" && index >>> 0 === index && index < this.count)) {
      checkInteger("index", index, 0, this.count - 1);
    }
    const offset = index * this.#stride;
    return this.#gap === 0 ? offset : offset + ((index / this.#perBlock) | 0) * this.#gap;
  }

  /**
   * Writes an element's address for the device as two words, the low half first: as descriptors have it. A number from 2^31
   * on that a call returns takes 16 bytes of heap, unless V8 inlines the call; this takes none either way.
   *
   * @param words such as `ring.u32`
   * @param at index of the first of the two words
   * @throws PciError as {@link offset}, also for words that are not there or are none, and `ERR_CLOSED`
   */
  writeIova(index: number, words: Uint32Array, at: number): void {
    this.checkOpen();
    const start = this.#lo + this.offset(index);
    if (!(words instanceof Uint32Array)) throw notWords(words);
    if (!(typeof at === "number" && at >>> 0 === at && at + 1 < words.length)) {
      checkInteger("at", at, 0, words.length - 2);
    }
    words[at] = start;
    words[at + 1] = start < 2 ** 32 ? this.#hi : this.#hi + 1;
  }

  /**
   * Bits 31 to 0 of an element's address for the device, unsigned.
   *
   * @throws PciError as {@link offset}, and `ERR_CLOSED`
   */
  iovaLo(index: number): number {
    this.checkOpen();
    return (this.#lo + this.offset(index)) >>> 0;
  }

  /** Bits 63 to 32 of an element's address for the device, unsigned. @throws PciError as {@link iovaLo} */
  iovaHi(index: number): number {
    this.checkOpen();
    return this.#lo + this.offset(index) < 2 ** 32 ? this.#hi : this.#hi + 1;
  }

  /** An element's address for the device, as a bigint made for the call. @throws PciError as {@link iovaLo} */
  iova(index = 0): Iova {
    this.checkOpen();
    return toIova(this.#iova + BigInt(this.offset(index)));
  }

  /**
   * An element's bytes: a view that is made at the first call for it, and kept. It has length 0 where the buffer of all of them
   * was transferred.
   *
   * @throws PciError as {@link iovaLo}
   */
  element(index: number): Uint8Array<ArrayBuffer> {
    const { bytes } = this;
    const start = this.offset(index);
    // No view can be made of a detached buffer, but the one that there is has become empty.
    this.#views[index] ??= bytes.length === 0 ? bytes : bytes.subarray(start, start + this.elementSize);
    return this.#views[index];
  }

  /**
   * Takes the memory away from the device, then frees it; see `DmaBuffer.close`. In all threads, use of it throws
   * `ERR_CLOSED` from then on. In a thread that adopted it, gives up that thread's view alone.
   *
   * @throws PciError what the IOMMU said; the memory is not freed then, and `close` may be tried again
   */
  close(): Promise<void> {
    this.#isOpen = false;
    return this.#memory.close();
  }

  /** {@link close} on this thread. @throws PciError also `ERR_BUSY` while a call of `close` is under way */
  closeSync(): void {
    this.#isOpen = false;
    this.#memory.closeSync();
  }

  /** {@link closeSync}. */
  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal What another thread needs. @throws PciError `ERR_CLOSED`, `ERR_NOT_SUPPORTED` */
  protected offer(): Omit<SharedElements, "type"> {
    this.checkOpen();
    const { buffer: words } = this.#words;
    // First, since memory that never leaves its thread is no better off in another page.
    const buffer = this.#memory.share();
    if (isShared(words)) return { buffer, layout: this.#layout, words };
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `${this.name} cannot leave its thread: there is no SharedArrayBuffer`,
      {
        hint: "have the page isolated: headers Cross-Origin-Opener-Policy: same-origin, Cross-Origin-Embedder-Policy: require-corp",
      },
    );
  }

  /** @internal @throws PciError `ERR_CLOSED` */
  protected checkOpen(): void {
    // A plain read: what another thread does at the same moment may be seen a moment later.
    if (this.#isOpen && this.#words[STATE] === OPEN) return;
    throw new PciError("ERR_CLOSED", `${this.name} is closed`, {
      hint: `make another while its device is open: device.dma.${this.#kind}({ … })`,
    });
  }

  /** @internal The error for bytes that cannot be written here, because their buffer is detached. */
  protected transferred(): PciError {
    return new PciError("ERR_CLOSED", `the bytes of ${this.name} were transferred to somebody else`, {
      hint: `copy what is to go elsewhere: ${this.#kind}.bytes.slice(); other threads get it by ${this.#kind}.share()`,
    });
  }

  /** @internal {@link checkOpen}, and whether the thread that it is from is still there, for when there is nothing to be had. */
  protected checkOwner(): void {
    if (this.#memory.ended === true) Atomics.store(this.#words, STATE, CLOSED);
    this.checkOpen();
  }

  /** @internal For messages. */
  protected get name(): string {
    return this.label === undefined
      ? `a DMA ${this.#kind} without label`
      : `DMA ${this.#kind} "${this.label}"`;
  }
}

/** How the memory of elements is to be allocated: as {@link Dma.alloc} may be asked. */
export type ElementMemoryOptions = Omit<DmaAllocOptions, "alignment" | "iova">;

/** Memory to be allocated, and what it becomes. */
export interface ElementPlan<E> {
  readonly size: number;
  readonly options: DmaAllocOptions;
  readonly make: (buffer: DmaBuffer) => E;
}

/** Up to this alignment any address will do, and the domain may choose one for large pages. */
const EVERY_ADDRESS = 4096;

/** Plans elements whose state takes `words` words. */
export function planElements<E>(
  memoryOptions: ElementMemoryOptions,
  layout: ElementLayout,
  words: number,
  make: (parts: ElementParts) => E,
): ElementPlan<E> {
  const { size, alignment } = layout;
  // Before the memory, so that nothing is left if there is no room for it.
  const state = newWords(words);
  const options = alignment > EVERY_ADDRESS ? { ...memoryOptions, alignment } : memoryOptions;
  return {
    size,
    options,
    make: (memory) => {
      memory.onClosing(() => markClosed(state));
      return make({ memory, layout, words: state });
    },
  };
}

/** Makes elements of a buffer that was allocated for them, or gives it back. */
export function makeElements<E>(plan: ElementPlan<E>, buffer: DmaBuffer): E {
  try {
    return plan.make(buffer);
  } catch (error) {
    if (!buffer.closing) buffer.closeSync();
    throw error;
  }
}

/** Words that are 0, for all threads to see where that can be: a page that is not isolated from others' has one thread's alone. */
function newWords(count: number): ArrayBufferLike {
  if (typeof SharedArrayBuffer === "undefined") return new ArrayBuffer(4 * count);
  return new SharedArrayBuffer(4 * count);
}

function notWords(words: unknown): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `words must be a Uint32Array, not ${formatValue(words)}`, {
    hint: "pass ring.u32, buffer.u32 or another Uint32Array of descriptors",
  });
}

/** Whether no thread has found out yet that the device has lost the memory, or is about to. */
export function isMarkedOpen(words: ArrayBufferLike): boolean {
  return Atomics.load(new Int32Array(words), STATE) === OPEN;
}

/** In whichever thread finds out that the device has lost the memory, or is about to. */
export function markClosed(words: ArrayBufferLike): void {
  Atomics.store(new Int32Array(words), STATE, CLOSED);
}
