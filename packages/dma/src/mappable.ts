import {
  type AdoptOptions,
  checkInteger,
  checkType,
  type DmaBytes,
  type DmaFile,
  type DmaMemory,
  formatValue,
  type MapOptions,
  type MemorySource,
  PciError,
} from "@userpci/interface";

/** How `Dma.map` may be asked: as a domain is, whose `addressBits` cannot pass the device's. */
export interface DmaMapOptions extends MapOptions, AdoptOptions {
  /** For a file that may only be read: see `DmaFileOptions` of `@userpci/interface`. Its direction is `to-device`. */
  readonly readOnly?: boolean;
}

/** What `Dma.map` takes: memory of a source, bytes of JavaScript's own, or a file. */
export type DmaMappable = DmaMemory | DmaBytes | DmaFile;

/** Memory to be mapped, and how. */
export interface MemoryToMap {
  readonly memory: DmaMemory;
  /** Whether it was made here, and is to be closed with its mapping. */
  readonly made: boolean;
  readonly options: MapOptions;
}

/**
 * Makes memory of what a caller has, unless it is memory already.
 *
 * @throws PciError what `MemorySource.adopt` and `openFile` throw; `ERR_NOT_SUPPORTED` if the source has neither
 */
export function memoryOf(source: MemorySource, what: DmaMappable, options: DmaMapOptions): MemoryToMap {
  checkType("options", options, "object");
  // Whoever maps it takes what it knows of them: a rest of them takes V8 longer to make than a small mapping.
  if (!isBytes(what) && !isFile(what)) return { memory: what, made: false, options };
  const { exposeNeighbours = false, readOnly = false, offset = 0, size, ...others } = options;
  if (isBytes(what)) {
    if (source.adopt === undefined) throw sourceLacks(source, "bytes of JavaScript's own");
    const memory = source.adopt(partOf(viewOf(what), offset, size), { exposeNeighbours });
    return { memory, made: true, options: others };
  }
  if (source.openFile === undefined) throw sourceLacks(source, "a file");
  checkPath(what);
  const memory = source.openFile(what, { offset, readOnly, ...(size !== undefined && { size }) });
  const { direction = readOnly ? "to-device" : undefined } = others;
  return { memory, made: true, options: { ...others, direction } };
}

/**
 * The bytes that there are now.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` if there are none: a DataView of a detached buffer does not even tell its length, nor
 * does what only looks like a buffer
 */
function viewOf(bytes: DmaBytes): Uint8Array<ArrayBufferLike> {
  let cause: unknown;
  try {
    const view = ArrayBuffer.isView(bytes)
      ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      : new Uint8Array(bytes);
    if (view.length > 0) return view;
  } catch (error) {
    cause = error;
  }
  throw new PciError("ERR_INVALID_ARGUMENT", "there are no bytes, or their buffer is detached", {
    hint: "pass a Buffer, a typed array, an ArrayBuffer or a SharedArrayBuffer with at least one byte",
    cause,
  });
}

/** Some of the bytes. @throws PciError `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` */
function partOf(
  bytes: Uint8Array<ArrayBufferLike>,
  offset: number,
  size?: number,
): Uint8Array<ArrayBufferLike> {
  const rest = bytes.length - checkInteger("offset", offset, 0, bytes.length - 1);
  return bytes.subarray(offset, offset + checkInteger("size", size ?? rest, 1, rest));
}

/** The system ends a path at a zero, and would open another file. @throws PciError `ERR_INVALID_ARGUMENT` */
function checkPath(file: DmaFile): void {
  const { path } = file as { readonly path?: unknown };
  if (typeof path !== "string" || !path.includes("\0")) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(path)} is no path: it has a zero byte in it`, {
    hint: 'pass the path of a file, such as { path: "/dev/shm/name" }',
  });
}

const isBytes = (what: unknown): what is DmaBytes =>
  ArrayBuffer.isView(what) || what instanceof ArrayBuffer || isShared(what);

/** Whether a buffer is one that several threads see. A page that is not isolated from others' has no such class. */
export const isShared = (what: unknown): what is SharedArrayBuffer =>
  typeof SharedArrayBuffer !== "undefined" && what instanceof SharedArrayBuffer;

/** Memory has neither of the two, and all of what can be mapped besides. */
const isFile = (what: DmaMappable): what is DmaFile =>
  typeof what === "object" && what !== null && ("path" in what || "fd" in what);

function sourceLacks({ name }: MemorySource, what: string): PciError {
  return new PciError("ERR_NOT_SUPPORTED", `memory of ${name} cannot be made of ${what}`, {
    hint: "allocate it with alloc(size), and copy: buffer.bytes.set(bytes)",
  });
}
