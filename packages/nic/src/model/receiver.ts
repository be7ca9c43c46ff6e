import { type ModelDevice, type Task, taskWhile } from "@userpci/device-model";
import { isPciError } from "@userpci/interface";
import { DescriptorRing } from "./descriptor-ring.ts";

/** Frames that wait for memory which is not at hand; more are dropped. */
const MOST_WAITING = 64;

/** What a receiver tells. */
export interface ReceiverOwner {
  /** Frames were received. */
  onReceived(): void;
  /** The ring cannot be reached. */
  onFault(): void;
}

/** The receiving half of a NIC. */
export class Receiver {
  readonly ring: DescriptorRing;
  frames = 0;
  bytes = 0;
  errors = 0;
  dropped = 0;
  readonly #device: ModelDevice;
  readonly #owner: ReceiverOwner;
  /** Copies of frames whose place has to be asked for, in order. */
  readonly #waiting: Uint8Array[] = [];
  #placing = false;
  /** Whether frames were received that nobody was told of. */
  #untold = false;
  #life = 0;

  constructor(device: ModelDevice, owner: ReceiverOwner) {
    this.#device = device;
    this.#owner = owner;
    this.ring = new DescriptorRing(device.dma);
  }

  stop(): void {
    this.#life += 1;
    this.#waiting.length = 0;
    this.#placing = false;
    this.#untold = false;
    this.ring.stop();
  }

  /** The driver has put buffers into the ring. */
  fill(tail: number): void {
    if (this.ring.ready) this.ring.tail = this.ring.slot(tail);
  }

  /** Takes a frame from the wire; its bytes are its sender's. {@link tell} is to follow. */
  receive(frame: Uint8Array): void {
    if (!this.ring.ready) return;
    if (!this.#placing && this.#placeNow(frame)) return;
    if (this.#waiting.length === MOST_WAITING) {
      this.dropped = (this.dropped + 1) >>> 0;
      return;
    }
    this.#waiting.push(frame.slice());
    if (this.#placing) return;
    this.#placing = true;
    const life = this.#life;
    this.#device.run(taskWhile(() => this.#life === life, this.#placeAll()));
  }

  /** Tells of what was received since this was last called; before anybody else runs. */
  tell(): void {
    this.ring.release();
    if (!this.#untold) return;
    this.#untold = false;
    this.#owner.onReceived();
  }

  /** @returns whether it is done, and not to be done later */
  #placeNow(frame: Uint8Array): boolean {
    const { ring } = this;
    if (ring.empty) {
      this.dropped = (this.dropped + 1) >>> 0;
      return true;
    }
    if (!ring.fetchNow()) return false;
    const error = frame.length > ring.length;
    if (!error) {
      const buffer = this.#device.dma.view(ring.address, frame.length, "write");
      if (buffer === undefined) return false;
      buffer.set(frame);
    }
    const isDone = ring.finishNow(error ? 0 : frame.length, error);
    if (isDone) this.#count(frame.length, error);
    return isDone;
  }

  *#placeAll(): Task {
    try {
      for (let frame = this.#waiting[0]; frame !== undefined; frame = this.#waiting[0]) {
        if (!this.#placeNow(frame)) {
          this.ring.release();
          yield* this.#place(frame);
        }
        this.#waiting.shift();
      }
    } catch (error) {
      if (!isPciError(error, "ERR_DMA_FAULT")) throw error;
      this.#waiting.length = 0;
      this.ring.ready = false;
      this.#owner.onFault();
    }
    this.#placing = false;
    this.tell();
  }

  *#place(frame: Uint8Array): Task {
    const { ring } = this;
    yield* ring.fetch();
    let error = frame.length > ring.length;
    if (!error) {
      try {
        yield* this.#device.dma.write(ring.address, frame);
      } catch (fault) {
        if (!isPciError(fault, "ERR_DMA_FAULT")) throw fault;
        error = true;
      }
    }
    yield* ring.finish(error ? 0 : frame.length, error);
    this.#count(frame.length, error);
  }

  #count(length: number, error: boolean): void {
    this.#untold = true;
    if (error) {
      this.errors = (this.errors + 1) >>> 0;
      return;
    }
    this.frames = (this.frames + 1) >>> 0;
    this.bytes += length;
  }
}
