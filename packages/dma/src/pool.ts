import { checkType, PciError } from "@userpci/interface";
import { adoptElements } from "./adopt-elements.ts";
import { type LayoutRequest, layOut } from "./element-layout.ts";
import {
  APART,
  DmaElements,
  type ElementMemoryOptions,
  type ElementParts,
  type ElementPlan,
  planElements,
  type SharedElements,
} from "./elements.ts";
import { FreeBits } from "./free-bits.ts";
import type { MapSharedMemory } from "./shared-buffer.ts";

const TYPE = "DMA pool";

/** How {@link Dma.pool} may be asked. The memory is as {@link Dma.alloc} gives it; `alignment` and `boundary` are elements'. */
export interface DmaPoolOptions extends LayoutRequest, ElementMemoryOptions {
  /**
   * Whether an element is filled with zeros when it is taken, so that nobody sees what was in it before. Default true;
   * without it `get` does not grow with the size of an element.
   */
  readonly zero?: boolean;
}

/**
 * A pool on its way to other threads of the process, as many as like: plain data for `postMessage` or `workerData`. What
 * else is in it is between {@link DmaPool.share} and {@link adoptPool}.
 */
export interface SharedPool {
  readonly type: typeof TYPE;
}

/** All that is in a {@link SharedPool}. */
interface PoolOffer extends SharedElements {
  readonly type: typeof TYPE;
  readonly zero: boolean;
}

/**
 * DMA memory cut into elements of one size, which are taken and put back by several threads without a lock. An element is
 * named by its index. `get`, `put`, `offset` and `writeIova` allocate nothing.
 *
 * Made by {@link Dma.pool}, and by {@link adoptPool} in other threads. What a thread has when it ends stays taken, since
 * the device may still have it; any thread may put any element back.
 */
export class DmaPool extends DmaElements {
  readonly #free: FreeBits;
  readonly #zero: boolean;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** @internal @param shared whether other threads have it already */
  constructor(parts: ElementParts, zero: boolean, shared: boolean) {
    super("pool", parts);
    this.#free = new FreeBits(bitsOf(parts.words), this.count, shared);
    this.#zero = zero;
    this.#bytes = parts.memory.bytes;
  }

  /** Elements that are taken, in all threads. */
  get inUse(): number {
    return this.#free.inUse;
  }

  /** The most that were taken at any time since the pool was made. */
  get highWater(): number {
    return this.#free.highWater;
  }

  /**
   * Takes an element.
   *
   * @returns its index, 0 to `count` - 1
   * @throws PciError `ERR_POOL_EMPTY` if all are taken, `ERR_CLOSED` also if it is to be filled with zeros, but the buffer of
   * {@link bytes} was transferred
   */
  get(): number {
    const index = this.tryGet();
    if (index >= 0) return index;
    throw new PciError("ERR_POOL_EMPTY", `all ${this.count} elements of ${this.name} are in use`, {
      hint: "put elements back, ask with tryGet(), or make the pool with a larger count",
    });
  }

  /** {@link get}. @returns -1 if all are taken. @throws PciError `ERR_CLOSED` */
  tryGet(): number {
    this.checkOpen();
    const index = this.#free.take();
    if (index < 0) {
      this.checkOwner();
    } else if (this.#zero) {
      // Here, where the bytes are at hand anyway.
      if (this.#bytes.length === 0) this.#refuse(index);
      const start = this.offset(index);
      this.#bytes.fill(0, start, start + this.elementSize);
    }
    return index;
  }

  /**
   * Puts an element back, which the device must no longer use.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT` if it is not taken, `ERR_OUT_OF_RANGE` if the pool has none of that index,
   * `ERR_CLOSED`
   */
  put(index: number): void {
    this.checkOpen();
    this.offset(index);
    if (this.#free.give(index)) return;
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `element ${index} of ${this.name} is put back, but not in use`,
      {
        hint: "put each element back once",
      },
    );
  }

  /** Puts back what cannot be filled with zeros. @throws PciError `ERR_CLOSED` */
  #refuse(index: number): never {
    this.#free.give(index);
    throw this.transferred();
  }

  /**
   * Lets other threads use the pool, each through what {@link adoptPool} gives it there. It stays this thread's: when it
   * is closed here, use of the others throws `ERR_CLOSED`; when this thread ends, from the next turn of their event loops on,
   * or where the pool is empty (row R19).
   *
   * @throws PciError `ERR_CLOSED`, `ERR_NOT_SUPPORTED` for memory that cannot leave its thread, as an emulated device's
   */
  share(): SharedPool {
    const offer: PoolOffer = { ...this.offer(), type: TYPE, zero: this.#zero };
    this.#free.share();
    return offer;
  }
}

/** The words with the bits, which are behind the state. */
function bitsOf(words: ArrayBufferLike): Int32Array {
  return new Int32Array(words, 4 * APART);
}

/** @internal What {@link Dma.pool} allocates, and what it makes of that. @throws PciError as {@link layOut} */
export function planPool(options: DmaPoolOptions): ElementPlan<DmaPool> {
  checkType("options", options, "object");
  const { elementSize, count, alignment, boundary, zero = true, ...memory } = options;
  checkType("zero", zero, "boolean");
  const layout = layOut({ elementSize, count, alignment, boundary });
  return planElements(memory, layout, APART + FreeBits.wordsFor(count), (parts) => {
    FreeBits.fill(bitsOf(parts.words), layout.count);
    return new DmaPool(parts, zero, false);
  });
}

/**
 * Gives this thread a pool that another thread of the process shares: the same elements and the same memory.
 *
 * @param shared what `share()` gave, as it came out of the message
 * @param mapSharedMemory the backend's; `adoptPool` of `userpci` has it built in
 * @throws PciError `ERR_CLOSED` if the pool is closed, `ERR_INVALID_ARGUMENT`, a system error
 */
export function adoptPool(shared: SharedPool, mapSharedMemory: MapSharedMemory): DmaPool {
  return adoptElements(shared as PoolOffer, TYPE, mapSharedMemory, ({ zero }, { count }) => {
    checkType("zero", zero, "boolean");
    return {
      words: APART + FreeBits.wordsFor(count),
      make: (parts) => new DmaPool(parts, zero, true),
    };
  });
}
