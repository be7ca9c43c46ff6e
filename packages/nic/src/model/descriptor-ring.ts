import type { ModelDma, Task } from "@userpci/device-model";
import { DESCRIPTOR_SIZE, descriptorFlag, MOST_DESCRIPTORS } from "../registers.ts";

/** Descriptors that are fetched at once. */
export const BATCH = 32;

/** A ring of descriptors in the driver's memory, and the copy of those that were fetched. */
export class DescriptorRing {
  head = 0;
  tail = 0;
  /** Those that were fetched, from {@link head} on. */
  fetched = 0;
  /** Whether it can be used: its address and size were taken for sound. */
  ready = false;
  readonly #dma: ModelDma;
  #base = 0n;
  #size = 0;
  readonly #bytes = new Uint8Array(BATCH * DESCRIPTOR_SIZE);
  readonly #words = new Uint32Array(this.#bytes.buffer);
  readonly #addresses = new BigUint64Array(this.#bytes.buffer);
  /** Number of the next one to be taken, of those that were fetched. */
  #next = 0;
  /** The descriptors that were fetched, from {@link #memoryHead} on, in the driver's memory. */
  #memory: Uint8Array | undefined;
  #memoryHead = 0;

  constructor(dma: ModelDma) {
    this.#dma = dma;
  }

  /** Begins with an empty ring. @returns whether it can be one */
  start(base: bigint, size: number): boolean {
    this.stop();
    this.#base = base;
    this.#size = size;
    const isSize = size >= 2 && size <= MOST_DESCRIPTORS && (size & (size - 1)) === 0;
    this.ready = isSize && (base & BigInt(DESCRIPTOR_SIZE - 1)) === 0n;
    return this.ready;
  }

  stop(): void {
    this.ready = false;
    this.head = 0;
    this.tail = 0;
    this.fetched = 0;
    this.#next = 0;
    this.release();
  }

  /** A slot, of whatever a driver writes. */
  slot(value: number): number {
    return value & (this.#size - 1);
  }

  get empty(): boolean {
    return this.head === this.tail;
  }

  /** Fetches descriptors if none is there, from memory at hand. @returns whether there is one now */
  fetchNow(): boolean {
    if (this.fetched > 0) return true;
    const count = this.#fetchable;
    const view = this.#dma.view(this.#address(this.head), count * DESCRIPTOR_SIZE, "read");
    if (view === undefined) return false;
    this.#bytes.set(view);
    this.#take(count);
    return true;
  }

  /** Fetches descriptors if none is there, wherever they are. @throws PciError `ERR_DMA_FAULT` */
  *fetch(): Task {
    if (this.fetchNow()) return;
    const count = this.#fetchable;
    const bytes = new Uint8Array(count * DESCRIPTOR_SIZE);
    yield* this.#dma.read(this.#address(this.head), bytes);
    this.#bytes.set(bytes);
    this.#take(count);
  }

  /** Address in the descriptor at the head, which was fetched. */
  get address(): bigint {
    return this.#addresses[2 * this.#next]!;
  }

  get length(): number {
    return this.#words[4 * this.#next + 2]!;
  }

  get flags(): number {
    return this.#words[4 * this.#next + 3]!;
  }

  /**
   * Writes the descriptor at the head back and goes on to the next, in memory at hand. {@link release} is to follow before
   * the task pauses, or ends.
   *
   * @returns whether it could
   */
  finishNow(length: number, error: boolean): boolean {
    if (this.#memory === undefined) {
      this.#memory = this.#dma.view(this.#address(this.head), this.fetched * DESCRIPTOR_SIZE, "write");
      this.#memoryHead = this.head;
    }
    const memory = this.#memory;
    if (memory === undefined) return false;
    const at = (this.head - this.#memoryHead) * DESCRIPTOR_SIZE + 8;
    memory[at] = length;
    memory[at + 1] = length >>> 8;
    memory[at + 2] = length >>> 16;
    memory[at + 3] = length >>> 24;
    memory[at + 4] = 0;
    memory[at + 5] = 0;
    memory[at + 6] = 0;
    // The byte that says it is done comes last: the driver may look from another processor.
    Atomics.store(memory, at + 7, flagsOf(error) >>> 24);
    this.#advance();
    return true;
  }

  /** Lets go of the driver's memory, which it may unmap as soon as anybody else runs. */
  release(): void {
    this.#memory = undefined;
  }

  /** {@link finishNow}, wherever it is. @throws PciError `ERR_DMA_FAULT` */
  *finish(length: number, error: boolean): Task {
    if (this.finishNow(length, error)) {
      this.release();
      return;
    }
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, length, true);
    view.setUint32(4, flagsOf(error), true);
    yield* this.#dma.write(this.#address(this.head) + 8n, bytes);
    this.#advance();
  }

  get #fetchable(): number {
    const end = this.tail > this.head ? this.tail : this.#size;
    return Math.min(end - this.head, BATCH);
  }

  #address(slot: number): bigint {
    return this.#base + BigInt(slot * DESCRIPTOR_SIZE);
  }

  #take(count: number): void {
    this.fetched = count;
    this.#next = 0;
    this.release();
  }

  #advance(): void {
    this.head = this.slot(this.head + 1);
    this.fetched -= 1;
    this.#next += 1;
  }
}

const flagsOf = (error: boolean): number =>
  (error ? descriptorFlag.DONE | descriptorFlag.ERROR : descriptorFlag.DONE) >>> 0;
