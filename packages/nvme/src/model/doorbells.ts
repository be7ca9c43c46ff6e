import type { Engine } from "./engine.ts";
import { errorEvent } from "./events.ts";

/** Told of writes that no queue can take. @param event of `errorEvent` */
export type DoorbellFault = (event: number) => void;

/** The doorbells of a controller: by number, the tail of submission queue n is 2n, the head of completion queue n is 2n + 1. */
export class Doorbells {
  readonly #engine: Engine;
  readonly #onFault: DoorbellFault;

  constructor(engine: Engine, onFault: DoorbellFault) {
    this.#engine = engine;
    this.#onFault = onFault;
  }

  /** The host has written to a doorbell. A value that cannot be is reported, and changes nothing. */
  ring(number: number, value: number): void {
    const index = value & 0xffff;
    if ((number & 1) === 0) {
      const queue = this.#engine.submissions.get(number >> 1);
      if (queue === undefined) this.#fault(errorEvent.INVALID_DOORBELL);
      else if (index >= queue.size) this.#fault(errorEvent.INVALID_DOORBELL_VALUE);
      else this.#engine.submit(queue, index);
      return;
    }
    const queue = this.#engine.completions.get(number >> 1);
    if (queue === undefined) this.#fault(errorEvent.INVALID_DOORBELL);
    else if (!queue.accepts(index)) this.#fault(errorEvent.INVALID_DOORBELL_VALUE);
    else this.#engine.release(queue, index);
  }

  #fault(event: number): void {
    if (this.#engine.running) this.#onFault(event);
  }
}

/** Doorbells in memory that drivers map: what they hold is compared with what they held. */
export class MappedDoorbells {
  readonly #words: Uint32Array;
  readonly #seen: Uint32Array;
  readonly #engine: Engine;
  readonly #doorbells: Doorbells;

  /** @param memory the page of the doorbells */
  constructor(memory: Uint8Array<ArrayBuffer>, engine: Engine, doorbells: Doorbells) {
    this.#words = new Uint32Array(memory.buffer, memory.byteOffset, memory.byteLength / 4);
    this.#seen = new Uint32Array(this.#words.length);
    this.#engine = engine;
    this.#doorbells = doorbells;
  }

  /** A queue is new: its doorbell holds 0. */
  clear(number: number): void {
    this.#seen[number] = 0;
    Atomics.store(this.#words, number, 0);
  }

  /** Takes the indexes of all queues for seen: after a state was loaded, what the memory holds beside them is news. */
  restore(): void {
    for (const { id, tail } of this.#engine.submissions.values()) this.#seen[2 * id] = tail;
    for (const { id, head } of this.#engine.completions.values()) this.#seen[2 * id + 1] = head;
  }

  /** @returns whether anything was written */
  poll(): boolean {
    let found = false;
    // First what makes room.
    for (const id of this.#engine.completions.keys()) found = this.#look(2 * id + 1) || found;
    for (const id of this.#engine.submissions.keys()) found = this.#look(2 * id) || found;
    return found;
  }

  #look(number: number): boolean {
    const value = Atomics.load(this.#words, number);
    if (value === this.#seen[number]) return false;
    this.#seen[number] = value;
    this.#doorbells.ring(number, value);
    return true;
  }
}
