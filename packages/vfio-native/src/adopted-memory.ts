import {
  type AdoptOptions,
  CountedMemory,
  checkType,
  type DmaBytes,
  formatValue,
  PciError,
} from "@userpci/interface";
import { systemError } from "./errno.ts";
import { showsMapping } from "./mapping.ts";
import type { Native } from "./native.ts";
import { coveringPages, type PageSpan, pagesInside } from "./page-span.ts";

/**
 * Memory of JavaScript's own that devices may reach: the pages under some bytes. The addon has a share in it until it is
 * closed, so that `malloc` gives it to nobody else whatever becomes of the buffer.
 *
 * A child process cannot move it away from the device (row R19): pages of these bytes alone are kept from children, and
 * since Linux 5.12 a child gets copies of pages that are pinned (`page_needs_cow_for_dma`). The first and the last page may
 * hold other things that the child needs before it starts its program.
 */
export class AdoptedMemory extends CountedMemory {
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly address: bigint;
  readonly lead: number;
  readonly length: number;
  readonly #native: Native;
  readonly #hold: number;
  readonly #ownPages: PageSpan;

  private constructor(native: Native, bytes: Uint8Array<ArrayBufferLike>, address: number, hold: number) {
    super("the adopted memory");
    const pageSize = native.pageSize();
    const pages = coveringPages(address, bytes.length, pageSize);
    this.#native = native;
    this.#hold = hold;
    const kept = showsMapping(bytes.buffer);
    this.#ownPages = kept ? { start: 0, size: 0 } : pagesInside(address, bytes.length, pageSize);
    this.size = pages.size;
    this.pageSize = pageSize;
    // The two kinds of buffer differ in nothing that is done with it here.
    this.buffer = bytes.buffer as ArrayBuffer;
    this.address = BigInt(pages.start);
    this.lead = address - pages.start;
    this.byteOffset = bytes.byteOffset - this.lead;
    this.length = bytes.length;
    this.#advise(native.constants.MADV_DONTFORK);
  }

  /** @throws PciError see `MemorySource.adopt` */
  static adopt(native: Native, source: DmaBytes, options: AdoptOptions): AdoptedMemory {
    checkType("options", options, "object");
    const { exposeNeighbours = false } = options;
    checkType("exposeNeighbours", exposeNeighbours, "boolean");
    const bytes = toBytes(source);
    const address = native.addressOf(bytes);
    if (!exposeNeighbours) checkWholePages(bytes, address, native.pageSize());
    const hold = native.hold(bytes);
    if (hold < 0) throw holdError(hold);
    return new AdoptedMemory(native, bytes, address, hold);
  }

  protected free(): void {
    this.#advise(this.#native.constants.MADV_DOFORK);
    this.#native.letGo(this.#hold);
  }

  /** Nothing depends on it since Linux 5.12 but the time that a fork takes: a refusal changes nothing. */
  #advise(advice: number): void {
    const { start, size } = this.#ownPages;
    if (size > 0) this.#native.madvise(start, size, advice);
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` for what are no bytes, or none that can stay where they are */
function toBytes(source: DmaBytes): Uint8Array<ArrayBufferLike> {
  const refuse = (message: string, hint: string): never => {
    throw new PciError("ERR_INVALID_ARGUMENT", message, { hint });
  };
  if (!ArrayBuffer.isView(source) && !isBuffer(source)) {
    return refuse(`bytes must be a buffer or a view of one, not ${formatValue(source)}`, PASS_BYTES);
  }
  // A detached buffer has none either, nor a view that lies outside what its buffer was made smaller to.
  if (source.byteLength === 0) return refuse("there are no bytes, or their buffer is detached", PASS_BYTES);
  const view = ArrayBuffer.isView(source) ? source : new Uint8Array(source);
  // Made smaller, a buffer gives the pages behind its new end back; one that is shared can only grow.
  if ((view.buffer as { resizable?: boolean }).resizable === true) {
    return refuse("bytes of a resizable ArrayBuffer may be taken from under a device", ALIGNED_HINT);
  }
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

const isBuffer = (source: unknown): source is ArrayBufferLike =>
  source instanceof ArrayBuffer || source instanceof SharedArrayBuffer;

const PASS_BYTES =
  "pass a Buffer, a typed array, an ArrayBuffer or a SharedArrayBuffer with at least one byte";

/** V8 takes a buffer that can grow from the kernel, in whole pages; others from `malloc`, which begins large ones at a page + 16. */
const ALIGNED_HINT =
  "use device.dma.alloc(size), or bytes in new SharedArrayBuffer(size, { maxByteLength: size }), which begin at a page boundary";

/** @throws PciError `ERR_MISALIGNED`, with what of the bytes is whole pages */
function checkWholePages(bytes: Uint8Array<ArrayBufferLike>, address: number, pageSize: number): void {
  const inside = pagesInside(address, bytes.length, pageSize);
  if (inside.size === bytes.length) return;
  const before = address % pageSize;
  const behind = coveringPages(address, bytes.length, pageSize).size - before - bytes.length;
  const first = inside.start - address;
  const part =
    inside.size === 0
      ? "they hold no whole page"
      : `map the whole pages in them: bytes.subarray(${first}, ${first + inside.size})`;
  throw new PciError(
    "ERR_MISALIGNED",
    `${bytes.length} bytes at address 0x${address.toString(16)} are not whole pages of ${pageSize} bytes: with them ` +
      `devices would reach ${before} bytes of this process before and ${behind} behind`,
    {
      hint: `${part}; ${ALIGNED_HINT}; if the device may reach the bytes around them, { exposeNeighbours: true }`,
      details: { before, behind, first, wholePages: inside.size },
    },
  );
}

function holdError(result: number): PciError {
  return systemError(result, "hold", {
    code: "ERR_NOT_SUPPORTED",
    message: "this runtime does not let memory of its buffers be kept",
    hint: "run on Node.js 20 to 26 itself, or use device.dma.alloc(size)",
  });
}
