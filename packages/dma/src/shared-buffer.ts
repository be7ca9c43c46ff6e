import {
  checkAligned,
  checkInteger,
  checkMethods,
  checkType,
  type Iova,
  MAX_IOVA,
  PciError,
  type SharedMemory,
  type SharedMemoryView,
  toIova,
} from "@userpci/interface";

/** A buffer as other threads may see it. */
export interface SharedBuffer {
  readonly memory: SharedMemory;
  /** Bytes into the memory. */
  readonly offset: number;
  readonly size: number;
  readonly iova: Iova;
  readonly label: string | undefined;
}

/**
 * Maps memory that another thread shares; `mapSharedMemory` of `@userpci/vfio-native` is one.
 *
 * @param ended to be called when the memory is closed where it came from, or that thread has ended
 */
export type MapSharedMemory = (shared: SharedMemory, ended: () => void) => SharedMemoryView;

/** Memory that elements lie in: a {@link DmaBuffer} in the thread that allocated it, {@link AdoptedBuffer} in others. */
export interface ElementMemory {
  readonly iova: Iova;
  readonly label: string | undefined;
  readonly closed: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  /** Whether its owner is gone; only others than the owner are asked. */
  readonly ended?: boolean;
  share(): SharedBuffer;
  close(): Promise<void>;
  closeSync(): void;
}

/**
 * Copies what another thread told of a buffer, if it can be one. Of the memory itself `mapSharedMemory` knows what to ask.
 *
 * @param needed bytes that it must have
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_MISALIGNED`
 */
export function checkSharedBuffer(given: SharedBuffer, needed: number): SharedBuffer {
  checkType("the shared memory", given, "object");
  const { memory, offset, size, iova, label } = given;
  checkType("the shared memory", memory, "object");
  checkAligned("the offset in the shared memory", checkInteger("offset", offset, 0, 2 ** 52), 4);
  checkInteger("the size of the shared memory", size, needed, 2 ** 52);
  checkType("iova", iova, "bigint");
  if (toIova(iova) + BigInt(size) - 1n > MAX_IOVA) {
    throw new PciError("ERR_OUT_OF_RANGE", `${size} bytes at 0x${iova.toString(16)} pass the last address`);
  }
  if (label !== undefined) checkType("label", label, "string");
  return { memory, offset, size, iova, label };
}

/** A buffer of another thread, mapped by this one. */
export class AdoptedBuffer implements ElementMemory {
  readonly iova: Iova;
  readonly label: string | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly #memory: SharedMemoryView;

  /**
   * @param shared which {@link checkSharedBuffer} has looked at
   * @throws PciError what `mapSharedMemory` throws, `ERR_INVALID_ARGUMENT`
   */
  constructor(shared: SharedBuffer, mapSharedMemory: MapSharedMemory, ended: () => void) {
    if (typeof mapSharedMemory !== "function") {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `mapSharedMemory must be a function, not ${typeof mapSharedMemory}`,
        {
          hint: "pass mapSharedMemory of @userpci/vfio-native, or use adoptPool and adoptRing of userpci",
        },
      );
    }
    this.#memory = mapSharedMemory(shared.memory, ended);
    checkMethods("what mapSharedMemory gave", this.#memory, ["close"]);
    this.iova = shared.iova;
    this.label = shared.label;
    try {
      this.bytes = new Uint8Array(this.#memory.buffer, shared.offset, shared.size);
      this.u32 = new Uint32Array(this.#memory.buffer, shared.offset, Math.floor(shared.size / 4));
    } catch (cause) {
      this.#memory.close();
      throw new PciError("ERR_INVALID_ARGUMENT", "the shared memory is smaller than what is in it", {
        hint: "pass what share() returned, as it came out of the message",
        cause,
      });
    }
  }

  get closed(): boolean {
    return this.#memory.closed;
  }

  get ended(): boolean {
    return this.#memory.ended;
  }

  share(): never {
    throw new PciError("ERR_NOT_SUPPORTED", "what was adopted cannot be handed on", {
      hint: "post what share() returned in the thread that made it: any number of threads may adopt it",
    });
  }

  async close(): Promise<void> {
    this.closeSync();
  }

  closeSync(): void {
    this.#memory.close();
  }
}
