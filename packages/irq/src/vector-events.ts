import { isPciError } from "@userpci/interface";
import type { EventsOptions } from "./vector.ts";

/** What an iterator needs of its vector. */
export interface EventSource {
  readonly closed: boolean;
  /** Makes `reader` the only one, or throws `ERR_IRQ_BUSY`; again harmless. */
  claim(reader: object): void;
  /** Gives up what {@link claim} took, and ends a pending {@link receive}. */
  release(reader: object): void;
  receive(options: EventsOptions): Promise<number>;
}

const done = { value: undefined, done: true } as const;

/** The async iterator of a vector. Written out, since an async generator would add turns to each interrupt. */
export class VectorEvents implements AsyncIterableIterator<number> {
  readonly #source: EventSource;
  readonly #options: EventsOptions;
  #ended = false;

  constructor(source: EventSource, options: EventsOptions) {
    this.#source = source;
    this.#options = options;
  }

  async next(): Promise<IteratorResult<number, undefined>> {
    if (this.#ended || this.#source.closed) return done;
    this.#source.claim(this);
    try {
      return { value: await this.#source.receive(this.#options), done: false };
    } catch (error) {
      if (this.#ended) return done;
      // A second step, while the first still waits, must not end the iteration.
      if (isPciError(error, "ERR_IRQ_BUSY")) throw error;
      this.#end();
      if (this.#source.closed) return done;
      throw error;
    }
  }

  async return(): Promise<IteratorResult<number, undefined>> {
    this.#end();
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #end(): void {
    this.#ended = true;
    this.#source.release(this);
  }
}
