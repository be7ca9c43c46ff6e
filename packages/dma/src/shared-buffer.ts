import { checkType, type Iova, PciError, type SharedMemory, type SharedMemoryView } from "@userpci/interface";

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

/** A buffer of another thread, mapped by this one. */
export class AdoptedBuffer implements ElementMemory {
  readonly iova: Iova;
  readonly label: string | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly u32: Uint32Array<ArrayBuffer>;
  readonly #memory: SharedMemoryView;

  /** @throws PciError what `mapSharedMemory` throws, `ERR_INVALID_ARGUMENT` */
  constructor(shared: SharedBuffer, mapSharedMemory: MapSharedMemory, ended: () => void) {
    checkType("the shared memory", shared, "object");
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
    this.iova = shared.iova;
    this.label = shared.label;
    try {
      this.bytes = new Uint8Array(this.#memory.buffer, shared.offset, shared.size);
      this.u32 = new Uint32Array(this.#memory.buffer, shared.offset, shared.size / 4);
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
