import { type ModelDevice, type Task, taskWhile } from "@userpci/device-model";
import { isPciError } from "@userpci/interface";
import { descriptorFlag, SHORTEST_FRAME } from "../registers.ts";
import { BATCH, DescriptorRing } from "./descriptor-ring.ts";

/** What a transmitter tells. */
export interface TransmitterOwner {
  readonly maxFrame: number;
  /** Puts a frame on the wire; its bytes are the driver's memory. @returns whether there is a link */
  deliver(frame: Uint8Array): boolean;
  /** Frames were sent. @param asked whether one of them asks for an interrupt */
  onSent(asked: boolean): void;
  /** The ring cannot be reached. */
  onFault(): void;
}

/** What is left to do of a frame, where memory was not at hand. */
const left = { NOTHING: 0, FRAME: 1, DESCRIPTOR: 2 } as const;

/** The sending half of a NIC. */
export class Transmitter {
  readonly ring: DescriptorRing;
  frames = 0;
  bytes = 0;
  errors = 0;
  readonly #device: ModelDevice;
  readonly #owner: TransmitterOwner;
  #sending = false;
  #asked = false;
  /** Rises with every stop, which ends the task. */
  #life = 0;

  constructor(device: ModelDevice, owner: TransmitterOwner) {
    this.#device = device;
    this.#owner = owner;
    this.ring = new DescriptorRing(device.dma);
  }

  stop(): void {
    this.#life += 1;
    this.#sending = false;
    this.#asked = false;
    this.ring.stop();
  }

  /** The driver has put frames into the ring. */
  kick(tail: number): void {
    if (!this.ring.ready) return;
    this.ring.tail = this.ring.slot(tail);
    if (this.#sending) return;
    this.#sending = true;
    const life = this.#life;
    this.#device.run(taskWhile(() => this.#life === life, this.#send()));
  }

  *#send(): Task {
    const { ring } = this;
    try {
      for (let count = 1; ring.ready && !ring.empty; count++) {
        if (!ring.fetchNow()) {
          this.#tell();
          yield* ring.fetch();
        }
        const rest = this.#sendNow();
        if (rest !== left.NOTHING) {
          this.#tell();
          yield* this.#sendLater(rest);
        }
        if (count % BATCH !== 0) continue;
        // The receiver may be the one that has to make room.
        this.#tell();
        yield* this.#device.time.sleep(0);
      }
    } catch (error) {
      if (!isPciError(error, "ERR_DMA_FAULT")) throw error;
      ring.ready = false;
      this.#owner.onFault();
    }
    this.#sending = false;
    this.#tell();
  }

  /** Sends the frame at the head. @returns what of {@link left} is to be done */
  #sendNow(): number {
    const { ring } = this;
    const { length } = ring;
    if (!this.#isLength(length)) return this.#finishNow(length, true);
    const frame = this.#device.dma.view(ring.address, length, "read");
    return frame === undefined ? left.FRAME : this.#finishNow(length, !this.#owner.deliver(frame));
  }

  #finishNow(length: number, error: boolean): number {
    this.#count(length, error);
    return this.ring.finishNow(length, error) ? left.NOTHING : left.DESCRIPTOR;
  }

  *#sendLater(rest: number): Task {
    const { length, address } = this.ring;
    let error = rest === left.DESCRIPTOR;
    if (rest === left.FRAME) {
      const frame = new Uint8Array(length);
      try {
        yield* this.#device.dma.read(address, frame);
        error = !this.#owner.deliver(frame);
      } catch (fault) {
        if (!isPciError(fault, "ERR_DMA_FAULT")) throw fault;
        error = true;
      }
      this.#count(length, error);
    }
    yield* this.ring.finish(length, error);
  }

  #isLength(length: number): boolean {
    return length >= SHORTEST_FRAME && length <= this.#owner.maxFrame;
  }

  #count(length: number, error: boolean): void {
    if ((this.ring.flags & descriptorFlag.INTERRUPT) !== 0) this.#asked = true;
    if (error) {
      this.errors = (this.errors + 1) >>> 0;
      return;
    }
    this.frames = (this.frames + 1) >>> 0;
    this.bytes += length;
  }

  /** To be called before each pause. */
  #tell(): void {
    this.ring.release();
    this.#owner.onSent(this.#asked);
    this.#asked = false;
  }
}
