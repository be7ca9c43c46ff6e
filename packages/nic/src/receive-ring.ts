import type { PciDevice } from "userpci";
import { BufferedRing } from "./buffered-ring.ts";
import { DESCRIPTOR_SIZE, descriptorFlag } from "./registers.ts";

/**
 * Takes a frame.
 *
 * @param buffer begins with the frame, and is filled anew once the call has returned
 * @param length bytes of the frame
 */
export type FrameListener = (buffer: Uint8Array<ArrayBuffer>, length: number) => void;

/** The ring of frames that were received. Nothing here allocates but what makes it. */
export class ReceiveRing extends BufferedRing {
  /** Frames that were too long for their buffer, or of which the device tells lengths that cannot be. */
  failed = 0;

  constructor(device: Pick<PciDevice, "dma">, count: number, frameSize: number) {
    super(device, { label: "RX", direction: "from-device", count, frameSize });
    for (let slot = 0; slot < count - 1; slot++) this.#offer();
  }

  /** Hands over what was received. @returns how many frames, at most `limit`; the device is to be told of the new tail */
  take(listener: FrameListener, limit: number): number {
    const { ring, frameSize } = this;
    const words = ring.u32;
    let count = 0;
    // The listener may close the NIC.
    while (count < limit && !ring.closed) {
      const slot = ring.head;
      const at = (slot * DESCRIPTOR_SIZE) / 4;
      const flags = this.flagsOf(slot);
      if ((flags & descriptorFlag.DONE) === 0) break;
      count += 1;
      const length = words[at + 2]!;
      ring.consume();
      try {
        // The device is not believed.
        if ((flags & descriptorFlag.ERROR) !== 0 || length > frameSize) this.failed += 1;
        else listener(this.bufferOf(slot), length);
      } finally {
        if (!ring.closed) this.#offer();
      }
    }
    return count;
  }

  /** Lets the device fill the slot at the tail. */
  #offer(): void {
    const { ring } = this;
    const words = ring.u32;
    const at = (ring.tail * DESCRIPTOR_SIZE) / 4;
    words[at + 2] = this.frameSize;
    Atomics.store(words, at + 3, 0);
    ring.produce();
  }
}
