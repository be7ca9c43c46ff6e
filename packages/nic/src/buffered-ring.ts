import type { DmaDirection } from "@userpci/interface";
import type { DmaPool, DmaRing, PciDevice } from "userpci";
import { DESCRIPTOR_SIZE } from "./registers.ts";

/** What a {@link BufferedRing} is made of. */
export interface RingParts {
  /** Of its memory, for people: `RX`. */
  readonly label: string;
  readonly direction: DmaDirection;
  /** Descriptors, a power of two. */
  readonly count: number;
  /** Bytes of a buffer. */
  readonly frameSize: number;
}

/** A ring of descriptors, each of which has a buffer of its own for good. */
export class BufferedRing implements Disposable {
  readonly ring: DmaRing;
  readonly frameSize: number;
  readonly #buffers: DmaPool;
  /** Buffer of each slot. */
  readonly #slots: Int32Array;
  /** The ring's words as signed ones: DONE is the sign, and a number from 2^31 on would be an object to V8. */
  readonly #signed: Int32Array;

  constructor(device: Pick<PciDevice, "dma">, { label, direction, count, frameSize }: RingParts) {
    this.frameSize = frameSize;
    this.ring = device.dma.ringSync({ elementSize: DESCRIPTOR_SIZE, count, label: `${label} ring` });
    try {
      this.#buffers = device.dma.poolSync({
        elementSize: frameSize,
        count,
        direction,
        zero: false,
        label: `${label} buffers`,
      });
    } catch (error) {
      this.ring.closeSync();
      throw error;
    }
    const { buffer, byteOffset, length } = this.ring.u32;
    this.#signed = new Int32Array(buffer, byteOffset, length);
    this.#slots = Int32Array.from({ length: count }, () => this.#buffers.get());
    for (const [slot, buffer] of this.#slots.entries()) {
      this.#buffers.writeIova(buffer, this.ring.u32, (slot * DESCRIPTOR_SIZE) / 4);
    }
  }

  /** What the device has written into the flags of a slot's descriptor. */
  protected flagsOf(slot: number): number {
    return Atomics.load(this.#signed, (slot * DESCRIPTOR_SIZE) / 4 + 3);
  }

  /** Copies a frame into the buffer of a slot. */
  protected fill(slot: number, frame: Uint8Array): void {
    this.#buffers.bytes.set(frame, this.#buffers.offset(this.#slots[slot]!));
  }

  protected bufferOf(slot: number): Uint8Array<ArrayBuffer> {
    return this.#buffers.element(this.#slots[slot]!);
  }

  /** Gives the memory back; the device must have stopped. */
  [Symbol.dispose](): void {
    this.#buffers.closeSync();
    this.ring.closeSync();
  }
}
