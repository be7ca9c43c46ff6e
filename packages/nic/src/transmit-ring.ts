import type { PciDevice } from "userpci";
import { BufferedRing } from "./buffered-ring.ts";
import { DESCRIPTOR_SIZE, descriptorFlag } from "./registers.ts";

/** The ring of frames to send. Nothing here allocates but what makes it. */
export class TransmitRing extends BufferedRing {
  /** Bits of the descriptors of frames. */
  readonly #flags: number;
  /** Frames that the device could not send, as their descriptors tell. */
  failed = 0;

  /** @param tells whether the device is to interrupt when it has sent */
  constructor(device: Pick<PciDevice, "dma">, count: number, frameSize: number, tells: boolean) {
    super(device, { label: "TX", direction: "to-device", count, frameSize });
    this.#flags = tells ? descriptorFlag.INTERRUPT : 0;
  }

  /** Copies a frame into the ring. @returns whether there was room */
  push(frame: Uint8Array): boolean {
    const { ring } = this;
    if (ring.full) {
      this.reclaim();
      if (ring.full) return false;
    }
    const slot = ring.tail;
    this.fill(slot, frame);
    const words = ring.u32;
    const at = (slot * DESCRIPTOR_SIZE) / 4;
    words[at + 2] = frame.length;
    words[at + 3] = this.#flags;
    ring.produce();
    return true;
  }

  /** Takes the slots back that the device is done with. @returns how many */
  reclaim(): number {
    const { ring } = this;
    let count = 0;
    for (let used = ring.used; used > 0; used--) {
      const flags = this.flagsOf(ring.head);
      if ((flags & descriptorFlag.DONE) === 0) break;
      if ((flags & descriptorFlag.ERROR) !== 0) this.failed += 1;
      ring.consume();
      count += 1;
    }
    return count;
  }
}
