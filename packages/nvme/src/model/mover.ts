import type { ModelDma, Pause } from "@userpci/device-model";
import { isPciError } from "@userpci/interface";
import { nvmeStatus } from "../commands.ts";
import type { Store } from "./disk.ts";
import type { SubmissionQueue } from "./queues.ts";

/** Works on a command, pausing where it has to wait, and returns a code of `nvmeStatus`. */
export type Work = Generator<Pause, number, void>;

/** Moves the data of commands between the host's memory and a {@link Store}. */
export class DataMover {
  readonly #dma: ModelDma;
  /** CC.MPS in bytes. */
  pageSize = 4096;

  constructor(dma: ModelDma) {
    this.#dma = dma;
  }

  /**
   * Moves the data of the command that a queue works on. What of it was moved before an error stays moved.
   *
   * @param offset into the store
   * @param length bytes, 1 to `LONGEST_TRANSFER`
   * @param access `read` reads the host's memory into the store
   */
  *move(
    queue: SubmissionQueue,
    store: Store,
    offset: number,
    length: number,
    access: "read" | "write",
  ): Work {
    const { walk } = queue;
    try {
      yield* this.#findPages(queue, length);
      if (walk.status !== nvmeStatus.SUCCESS) return walk.status;
      let at = offset;
      for (let i = 0; i < walk.count; i++) {
        const size = walk.sizes[i]!;
        const bytes = this.#dma.view(walk.addresses[i]!, size, access);
        if (bytes === undefined) yield* this.#copy(walk.addresses[i]!, size, store, at, access);
        else if (access === "read") store.write(at, bytes);
        else store.read(at, bytes);
        at += size;
      }
      return nvmeStatus.SUCCESS;
    } catch (error) {
      if (isPciError(error, "ERR_DMA_FAULT")) return nvmeStatus.DATA_TRANSFER_ERROR;
      throw error;
    }
  }

  /** Lets the queue's walk know all pages of its command. */
  *#findPages({ walk, quads }: SubmissionQueue, length: number): Generator<Pause, void, void> {
    walk.begin(quads[3]!, quads[4]!, length, this.pageSize);
    while (walk.listSize > 0) {
      let list: Uint8Array | undefined = this.#dma.view(walk.listAddress, walk.listSize, "read");
      if (list === undefined) {
        list = new Uint8Array(walk.listSize);
        yield* this.#dma.read(walk.listAddress, list);
      }
      walk.feed(list);
    }
  }

  /** For memory that does not lie in one piece here. */
  *#copy(
    address: bigint,
    size: number,
    store: Store,
    at: number,
    access: "read" | "write",
  ): Generator<Pause, void, void> {
    const bytes = new Uint8Array(size);
    if (access === "read") {
      yield* this.#dma.read(address, bytes);
      store.write(at, bytes);
    } else {
      store.read(at, bytes);
      yield* this.#dma.write(address, bytes);
    }
  }
}
