import {
  type AdoptOptions,
  CountedMemory,
  checkInteger,
  checkType,
  type DmaBytes,
  type DmaMemory,
  formatValue,
  type MemoryOptions,
  type MemorySource,
  PciError,
} from "@userpci/interface";

const PAGE = 4096;

/** As the sources on a system have them: smallest, 2 MiB, 1 GiB. Nothing but the sizes of memory depends on them here. */
const pageSizes: readonly number[] = [PAGE, 2 ** 21, 2 ** 30];

/** The engine's own limit of one buffer may be lower: what it refuses is `ENOMEM`. */
const LARGEST = Number.MAX_SAFE_INTEGER;

/** What memory is made of. */
interface HeapParts {
  readonly buffer: ArrayBuffer;
  readonly byteOffset?: number;
  readonly size: number;
  readonly pageSize: number;
  /** Whether the bytes are the caller's, who keeps them. */
  readonly adopted: boolean;
}

/** Memory of JavaScript's own, which emulated devices reach. */
class HeapMemory extends CountedMemory {
  readonly size: number;
  readonly pageSize: number;
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly #adopted: boolean;

  constructor({ buffer, byteOffset = 0, size, pageSize, adopted }: HeapParts) {
    super("the DMA memory");
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.size = size;
    this.pageSize = pageSize;
    this.#adopted = adopted;
  }

  /** A buffer that is transferred is detached here, and what holds the bytes is dropped. */
  protected free(): void {
    if (!this.#adopted) structuredClone(this.buffer, { transfer: [this.buffer] });
  }
}

/** Memory for DMA out of ArrayBuffers: for devices that run in this process, on any system. */
export class HeapSource implements MemorySource {
  readonly name = "heap";
  readonly pageSize = PAGE;

  alloc(asked: number, options: MemoryOptions = {}): DmaMemory {
    checkInteger("size", asked, 1, LARGEST);
    checkType("options", options, "object");
    const { pageSize = PAGE, fallback = false, label } = options;
    checkInteger("pageSize", pageSize, 1, LARGEST);
    checkType("fallback", fallback, "boolean");
    if (label !== undefined) checkType("label", label, "string");
    if (!pageSizes.includes(pageSize)) {
      throw new PciError("ERR_NOT_SUPPORTED", `no memory has pages of ${pageSize} bytes`, {
        hint: `use ${PAGE}, 2 ** 21 (2 MiB) or 2 ** 30 (1 GiB)`,
      });
    }
    const size = Math.ceil(asked / pageSize) * pageSize;
    return new HeapMemory({ buffer: allocate(size), size, pageSize, adopted: false });
  }

  /**
   * Where bytes lie in this process is nobody's business here: pages are counted from the beginning of their buffer, and
   * nothing around it can be reached.
   */
  adopt(bytes: DmaBytes, options: AdoptOptions = {}): DmaMemory {
    checkType("options", options, "object");
    if (options.exposeNeighbours !== undefined) {
      checkType("exposeNeighbours", options.exposeNeighbours, "boolean");
    }
    const { buffer, byteOffset, byteLength } = viewOf(bytes);
    const isWhole = byteOffset % PAGE === 0 && byteLength % PAGE === 0 && byteLength > 0;
    if (!isWhole) {
      throw new PciError(
        "ERR_MISALIGNED",
        `${byteLength} bytes at ${byteOffset} of their buffer are not whole pages of ${PAGE} bytes`,
        { hint: "use device.dma.alloc(), or bytes that begin and end at multiples of 4096 of their buffer" },
      );
    }
    return new HeapMemory({ buffer, byteOffset, size: byteLength, pageSize: PAGE, adopted: true });
  }
}

function allocate(size: number): ArrayBuffer {
  try {
    return new ArrayBuffer(size);
  } catch (cause) {
    throw new PciError("ENOMEM", `allocating ${size} bytes`, {
      hint: "allocate less, or close buffers that are no longer used",
      cause,
    });
  }
}

/** @throws PciError `ERR_INVALID_ARGUMENT` for what are no bytes, or none that stay where they are */
function viewOf(bytes: DmaBytes): { buffer: ArrayBuffer; byteOffset: number; byteLength: number } {
  const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(bytes)
    ? bytes
    : { buffer: bytes, byteOffset: 0, byteLength: bytes?.byteLength };
  if (!(buffer instanceof ArrayBuffer)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `bytes cannot be ${formatValue(bytes)}`, {
      hint: "pass an ArrayBuffer, or a view of one such as a Uint8Array or a Buffer",
    });
  }
  // ECMAScript 2024, which the compiler's library does not have yet.
  if ((buffer as { resizable?: boolean }).resizable === true) {
    throw new PciError("ERR_INVALID_ARGUMENT", "bytes of a resizable buffer do not stay where they are", {
      hint: "pass a buffer of fixed length",
    });
  }
  return { buffer, byteOffset, byteLength };
}
