import { checkInteger, checkPowerOfTwo, checkType } from "@userpci/interface";
import { adoptElements } from "./adopt-elements.ts";
import { layOut, MOST_BYTES } from "./element-layout.ts";
import {
  APART,
  DmaElements,
  type ElementMemoryOptions,
  type ElementParts,
  type ElementPlan,
  planElements,
  type SharedElements,
} from "./elements.ts";
import type { MapSharedMemory } from "./shared-buffer.ts";

const TYPE = "DMA ring";

/** The two indexes: each is written by one thread, whose own plain reads of it are exact. */
const PRODUCER = APART;
const CONSUMER = 2 * APART;
const WORDS = 3 * APART;

/** After so many looks that found nothing new it is asked whether the other side can still come: a power of two. */
const VAIN_LOOKS = 4096;

/** How {@link Dma.ring} may be asked. */
export interface DmaRingOptions extends ElementMemoryOptions {
  /** Bytes of a descriptor. They follow each other without gaps. */
  readonly elementSize: number;
  /** How many slots, a power of two. */
  readonly count: number;
  /**
   * Slots that may be filled at once, 1 to `count`. Default `count` - 1: most devices take a head that is equal to the tail
   * for an empty ring. Give `count` where they count differently, and for rings between threads.
   */
  readonly capacity?: number;
  /** Multiple, a power of two, that the address of the ring is to be. Default: a page. */
  readonly alignment?: number;
}

/**
 * A ring on its way to another thread of the process: plain data for `postMessage` or `workerData`. What else is in it is
 * between {@link DmaRing.share} and {@link adoptRing}.
 */
export interface SharedRing {
  readonly type: typeof TYPE;
}

/** All that is in a {@link SharedRing}. */
interface RingOffer extends SharedElements {
  readonly type: typeof TYPE;
  readonly capacity: number;
}

/**
 * A ring of descriptors: the producer fills the slot at `tail`, and then calls `produce`; the consumer reads the one at
 * `head`, and then calls `consume`. One of them may be the device: its side is then told by what it shows, a register, a
 * count in a completion or a bit in the descriptor. Nothing here allocates.
 *
 * The indexes count on without end, modulo 2^32, so that a full ring and an empty one differ and passes can be told
 * apart. Two threads may share a ring, one that produces and one that consumes: what was written to a slot before
 * `produce` is seen after `used` has told of it. Made by {@link Dma.ring}, and by {@link adoptRing} in another thread.
 */
export class DmaRing extends DmaElements {
  /** Slots that may be filled at once. */
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #mask: number;
  readonly #shift: number;
  #lastUsed = 0;
  #vainLooks = 0;

  /** @internal */
  constructor(parts: ElementParts, capacity: number) {
    super("ring", parts);
    this.capacity = capacity;
    this.#words = new Int32Array(parts.words);
    this.#mask = this.count - 1;
    this.#shift = 31 - Math.clz32(this.count);
  }

  /** Slot to be filled next, 0 to `count` - 1: what a tail register or doorbell is told. */
  get tail(): number {
    return this.#words[PRODUCER]! & this.#mask;
  }

  /** Slot to be read next, 0 to `count` - 1: what a head register or doorbell is told. */
  get head(): number {
    return this.#words[CONSUMER]! & this.#mask;
  }

  /** How many were produced since the ring was made or reset, modulo 2^32. */
  get produced(): number {
    return Atomics.load(this.#words, PRODUCER) >>> 0;
  }

  /** How many were consumed since the ring was made or reset, modulo 2^32. */
  get consumed(): number {
    return Atomics.load(this.#words, CONSUMER) >>> 0;
  }

  /** Slots that are filled. A loop that waits for some ends when the ring is closed. @throws PciError `ERR_CLOSED` */
  get used(): number {
    this.checkOpen();
    const used = (Atomics.load(this.#words, PRODUCER) - Atomics.load(this.#words, CONSUMER)) | 0;
    if (used !== this.#lastUsed) {
      this.#lastUsed = used;
      this.#vainLooks = 0;
    } else {
      this.#vainLooks = (this.#vainLooks + 1) & (VAIN_LOOKS - 1);
      if (this.#vainLooks === 0) this.checkOwner();
    }
    return used;
  }

  /** Slots that may be filled now. @throws PciError `ERR_CLOSED` */
  get available(): number {
    return this.capacity - this.used;
  }

  /** Whether no slot can be filled. @throws PciError `ERR_CLOSED` */
  get full(): boolean {
    return this.used === this.capacity;
  }

  /** Whether no slot is filled. @throws PciError `ERR_CLOSED` */
  get empty(): boolean {
    return this.used === 0;
  }

  /** Phase bit of what is written at {@link tail}: 1 in the first pass over the ring, then 0, then 1, … (NVMe 2.0, 4.2.4). */
  get tailPhase(): 0 | 1 {
    return this.#phase(PRODUCER);
  }

  /** Phase bit that an entry at {@link head} has once it is there; an older one has the other. */
  get headPhase(): 0 | 1 {
    return this.#phase(CONSUMER);
  }

  /**
   * Slot of an index that has passed the end of the ring: `ring.slot(ring.tail + 2)`.
   *
   * @param index any integer
   * @throws PciError `ERR_INVALID_ARGUMENT` for none
   */
  slot(index: number): number {
    if (!Number.isSafeInteger(index)) checkInteger("index", index, 0, Number.MAX_SAFE_INTEGER);
    return index & this.#mask;
  }

  /**
   * Hands slots from {@link tail} on to the consumer.
   *
   * @param slots 0 to `available`. Default 1
   * @returns the new tail
   * @throws PciError `ERR_OUT_OF_RANGE` if the ring has no such room, `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`
   */
  produce(slots = 1): number {
    const produced = this.#words[PRODUCER]!;
    const used = (produced - Atomics.load(this.#words, CONSUMER)) | 0;
    return this.#advance(PRODUCER, produced, slots, this.capacity - used);
  }

  /**
   * Gives slots from {@link head} on back to the producer.
   *
   * @param slots 0 to `used`. Default 1
   * @returns the new head
   * @throws PciError `ERR_OUT_OF_RANGE` if fewer are filled, `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`
   */
  consume(slots = 1): number {
    const consumed = this.#words[CONSUMER]!;
    const used = (Atomics.load(this.#words, PRODUCER) - consumed) | 0;
    return this.#advance(CONSUMER, consumed, slots, used);
  }

  /**
   * {@link produce} up to a slot, as the tail that a device shows. It is not believed: a slot where it cannot be is an error.
   *
   * @param tail 0 to `count` - 1; the present one produces nothing
   * @returns how many were produced
   * @throws PciError as {@link produce}
   */
  produceTo(tail: number): number {
    const slots = this.#distance("tail", this.tail, tail);
    this.produce(slots);
    return slots;
  }

  /**
   * {@link consume} up to a slot, as the head that a device shows: the SQ Head Pointer of NVMe, the TDH of a network
   * controller. It is not believed: a slot where it cannot be is an error.
   *
   * @param head 0 to `count` - 1; the present one consumes nothing
   * @returns how many were consumed
   * @throws PciError as {@link consume}
   */
  consumeTo(head: number): number {
    const slots = this.#distance("head", this.head, head);
    this.consume(slots);
    return slots;
  }

  /**
   * Produces and consumes at once, in a ring that the device fills without a tail: the entry at {@link head} has said by a
   * bit of its own that it is there, and was read.
   *
   * @param slots 0 to `available`. Default 1
   * @returns the new head
   * @throws PciError as {@link produce}
   */
  pass(slots = 1): number {
    this.produce(slots);
    return this.consume(slots);
  }

  /**
   * Begins anew, as after a reset of the device: no slot is filled, and the bytes are zero. Not while another thread uses it.
   *
   * @throws PciError `ERR_CLOSED` also if the buffer of {@link bytes} was transferred; nothing changes then
   */
  reset(): void {
    const { bytes } = this;
    if (bytes.length === 0) throw this.transferred();
    bytes.fill(0);
    Atomics.store(this.#words, CONSUMER, 0);
    Atomics.store(this.#words, PRODUCER, 0);
  }

  /**
   * Lets another thread use the ring, through what {@link adoptRing} gives it there: one thread produces, one consumes. It
   * stays this thread's: when it is closed here, use of the other throws `ERR_CLOSED`; when this thread ends, from the
   * next turn of the other's event loop on, or where it waits in vain (row R19).
   *
   * @throws PciError `ERR_CLOSED`, `ERR_NOT_SUPPORTED` for memory that cannot leave its thread, as an emulated device's
   */
  share(): SharedRing {
    const offer: RingOffer = { ...this.offer(), type: TYPE, capacity: this.capacity };
    return offer;
  }

  #phase(index: number): 0 | 1 {
    return (((this.#words[index]! >>> this.#shift) & 1) ^ 1) as 0 | 1;
  }

  #advance(index: number, from: number, slots: number, most: number): number {
    this.checkOpen();
    if (!(typeof slots === "number" && slots >>> 0 === slots && slots <= most)) {
      checkInteger(`the slots of ${this.name}`, slots, 0, most);
    }
    const next = (from + slots) | 0;
    Atomics.store(this.#words, index, next);
    return next & this.#mask;
  }

  #distance(name: string, from: number, to: number): number {
    if (!(typeof to === "number" && to >>> 0 === to && to < this.count)) {
      checkInteger(name, to, 0, this.count - 1);
    }
    return (to - from) & this.#mask;
  }
}

/** @internal What {@link Dma.ring} allocates, and what it makes of that. @throws PciError as {@link layOut} */
export function planRing(options: DmaRingOptions): ElementPlan<DmaRing> {
  checkType("options", options, "object");
  const { elementSize, count, alignment = 1, capacity: wanted, ...memory } = options;
  checkPowerOfTwo("count", count);
  checkPowerOfTwo("alignment", alignment, MOST_BYTES);
  const capacity = wanted ?? Math.max(count - 1, 1);
  checkInteger("capacity", capacity, 1, count);
  const layout = { ...layOut({ elementSize, count, alignment: 1, boundary: 0 }), alignment };
  return planElements(memory, layout, WORDS, (parts) => new DmaRing(parts, capacity));
}

/**
 * Gives this thread a ring that another thread of the process shares.
 *
 * @param shared what `share()` gave, as it came out of the message
 * @param mapSharedMemory the backend's; `adoptRing` of `userpci` has it built in
 * @throws PciError `ERR_CLOSED` if the ring is closed, `ERR_INVALID_ARGUMENT`, a system error
 */
export function adoptRing(shared: SharedRing, mapSharedMemory: MapSharedMemory): DmaRing {
  return adoptElements(shared as RingOffer, TYPE, mapSharedMemory, ({ capacity }, { count }) => {
    checkPowerOfTwo("count", count);
    checkInteger("capacity", capacity, 1, count);
    return { words: WORDS, make: (parts) => new DmaRing(parts, capacity) };
  });
}
