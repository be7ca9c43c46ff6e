import { setImmediate } from "node:timers/promises";
import { type Registers, registersOf } from "@userpci/device-model/registers";
import { Failures } from "@userpci/interface";
import {
  checkInteger,
  checkMethods,
  checkPowerOfTwo,
  checkType,
  type IrqSet,
  type OwnedRegion,
  type PciDevice,
  PciError,
  type Subscription,
  type Vector,
} from "userpci";
import type { NicOptions, NicStatistics, NicWait } from "./options.ts";
import { Parts } from "./parts.ts";
import { type FrameListener, ReceiveRing } from "./receive-ring.ts";
import {
  MOST_DESCRIPTORS,
  NIC_ID,
  NIC_MAGIC,
  nicCause,
  nicRegisters,
  nicVector,
  SHORTEST_FRAME,
} from "./registers.ts";
import { TransmitRing } from "./transmit-ring.ts";

const offsets = {
  TX_TAIL: nicRegisters.rows.TX_TAIL.offset,
  RX_TAIL: nicRegisters.rows.RX_TAIL.offset,
} as const;

/** Value of CTRL that resets. */
const resetControl = 2 ** nicRegisters.rows.CTRL.fields.RESET.lo;

/**
 * Driver of the small NIC. `send` and `poll` allocate nothing, and touch a register once for many frames. It works with
 * interrupts and without; the frames that `poll` hands over are the same.
 */
export class Nic implements Disposable {
  readonly device: PciDevice;
  /** Longest frame in bytes. */
  readonly frameSize: number;
  readonly #region: OwnedRegion;
  readonly #registers: Registers<typeof nicRegisters.rows>;
  readonly #tx: TransmitRing;
  readonly #rx: ReceiveRing;
  readonly #vectors: IrqSet | undefined;
  #closed = false;

  private constructor(device: PciDevice, region: OwnedRegion, options: NicOptions) {
    const registers = registersOf(nicRegisters, region);
    const most = registers.MAX_FRAME.read();
    const {
      ringSize = 256,
      frameSize = Math.min(2048, most),
      interrupts = false,
      promiscuous = false,
    } = options;
    this.device = device;
    this.#region = region;
    this.#registers = registers;
    this.frameSize = checkInteger("frameSize", frameSize, 64, most);
    checkPowerOfTwo("ringSize", checkInteger("ringSize", ringSize, 2, MOST_DESCRIPTORS), MOST_DESCRIPTORS);
    using parts = new Parts();
    this.#tx = parts.add(new TransmitRing(device, ringSize, frameSize, interrupts));
    this.#rx = parts.add(new ReceiveRing(device, ringSize, frameSize));
    this.#vectors = interrupts ? parts.add(device.irqs.enable("msix", { count: 3 })) : undefined;
    this.#start(promiscuous);
    parts.keep();
  }

  /**
   * Takes hold of a NIC: turns memory decode and bus mastering on, resets it, gives it its rings, and offers the link. The
   * device stays the caller's to close.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if it is no such NIC, `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT`
   */
  static attach(device: PciDevice, options: NicOptions = {}): Nic {
    checkMethods("device", device, ["bar"], "pass what `await openDevice(address)` returned");
    checkType("options", options, "object");
    const before = device.config.command.raw;
    device.config.command.update({ memory: true });
    let region: OwnedRegion | undefined;
    try {
      region = device.bar(0).map();
      const id = region.read32(nicRegisters.rows.ID.offset);
      if (id !== NIC_MAGIC) {
        throw new PciError(
          "ERR_NOT_SUPPORTED",
          `${device.address} identifies as 0x${id.toString(16)}, which is no NIC of this kind`,
          { hint: `userpci list --id ${NIC_ID} shows those of this machine` },
        );
      }
      return new Nic(device, region, options);
    } catch (error) {
      region?.close();
      device.config.command.write(before);
      throw error;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Its address, six bytes. */
  get mac(): Uint8Array {
    const low = this.#registers.MAC_LOW.read();
    const high = this.#registers.MAC_HIGH.get("BYTES");
    return Uint8Array.of(low, low >>> 8, low >>> 16, low >>> 24, high, high >>> 8);
  }

  /** Whether the link is up. */
  get linkUp(): boolean {
    return this.#registers.STATUS.get("LINK") === 1;
  }

  /**
   * Sends a frame, which is copied.
   *
   * @param frame with the header of Ethernet, 14 bytes to {@link frameSize}
   * @returns whether there was room in the ring; {@link writable} waits for some
   * @throws PciError `ERR_OUT_OF_RANGE`, `ERR_CLOSED`
   */
  send(frame: Uint8Array): boolean {
    const taken = this.queue(frame);
    if (taken) this.flush();
    return taken;
  }

  /** Puts a frame into the ring and tells the NIC nothing yet: for several at once, followed by {@link flush}. As {@link send}. */
  queue(frame: Uint8Array): boolean {
    const { length } = frame;
    if (!(length >= SHORTEST_FRAME && length <= this.frameSize)) {
      checkInteger("the length of a frame", length, SHORTEST_FRAME, this.frameSize);
    }
    return this.#tx.push(frame);
  }

  /** Lets the NIC send what was queued. */
  flush(): void {
    this.#region.write32(offsets.TX_TAIL, this.#tx.ring.tail);
  }

  /** Resolves when there is room for a frame. @throws PciError (rejects with) `ERR_ABORTED`, `ERR_CLOSED` */
  async writable(options: NicWait = {}): Promise<void> {
    for (;;) {
      this.#tx.reclaim();
      if (!this.#tx.ring.full) return;
      await this.#wait(nicVector.TX, options);
    }
  }

  /**
   * Hands over what was received, without waiting.
   *
   * @param listener called for each frame; what it throws is thrown, and the frames behind stay for the next call
   * @param limit most frames. Default 64
   * @returns how many there were, errors included
   * @throws PciError `ERR_CLOSED`
   */
  poll(listener: FrameListener, limit = 64): number {
    if (typeof listener !== "function") checkType("listener", listener, "function");
    const before = this.#rx.ring.consumed;
    try {
      return this.#rx.take(listener, limit);
    } finally {
      if (!this.#closed && this.#rx.ring.consumed !== before) {
        this.#region.write32(offsets.RX_TAIL, this.#rx.ring.tail);
      }
    }
  }

  /**
   * The frames that come, each a copy. Ends when the NIC is closed.
   *
   * @throws PciError (from a step) `ERR_ABORTED`
   */
  async *frames(options: NicWait = {}): AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
    const found: Uint8Array<ArrayBuffer>[] = [];
    while (!this.#closed) {
      this.poll((buffer, length) => found.push(buffer.slice(0, length)));
      yield* found;
      if (found.length === 0) await this.#wait(nicVector.RX, options);
      found.length = 0;
    }
  }

  /** Calls `listener` for each frame that comes, by interrupt. @throws PciError `ERR_NOT_SUPPORTED` without interrupts */
  onFrame(listener: FrameListener): Subscription {
    checkType("listener", listener, "function");
    return this.#vector(nicVector.RX).on(() => {
      while (!this.#closed && this.poll(listener) > 0);
    });
  }

  /** Calls `listener` when the link has changed, by interrupt. @throws PciError `ERR_NOT_SUPPORTED` without interrupts */
  onLink(listener: (up: boolean) => void): Subscription {
    checkType("listener", listener, "function");
    return this.#vector(nicVector.LINK).on(() => listener(this.linkUp));
  }

  /** What it has counted, by 7 register reads. */
  statistics(): NicStatistics {
    const { TX_FRAMES, TX_ERRORS, TX_BYTES, RX_FRAMES, RX_ERRORS, RX_BYTES, RX_DROPPED } = this.#registers;
    return {
      sent: { frames: TX_FRAMES.read(), bytes: TX_BYTES.read(), errors: TX_ERRORS.read() },
      received: {
        frames: RX_FRAMES.read(),
        bytes: RX_BYTES.read(),
        errors: RX_ERRORS.read(),
        dropped: RX_DROPPED.read(),
      },
    };
  }

  /**
   * Stops the NIC and gives its memory and interrupts back. The device stays open. Harmless twice.
   *
   * @throws PciError of a step that failed, such as `ERR_MEMORY_DISABLED` if the NIC could not be stopped, when all is given back
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // With the device, all of it has gone.
    if (this.device.closed) return;
    const failures = new Failures();
    failures.try(() => this.#vectors?.close());
    failures.try(() => this.#registers.CTRL.write(resetControl));
    failures.try(() => this.#rx[Symbol.dispose]());
    failures.try(() => this.#tx[Symbol.dispose]());
    failures.try(() => this.#region.close());
    failures.throwIfAny(`the driver of ${this.device.address} is closed, but`);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #start(promiscuous: boolean): void {
    const registers = this.#registers;
    const { ring: tx } = this.#tx;
    const { ring: rx } = this.#rx;
    registers.CTRL.write(resetControl);
    this.device.config.command.update({ busMaster: true });
    registers.TX_BASE.write(tx.iova());
    registers.TX_SIZE.write(tx.count);
    registers.RX_BASE.write(rx.iova());
    registers.RX_SIZE.write(rx.count);
    if (this.#vectors !== undefined) registers.INT_ENABLE.write(nicCause.RX | nicCause.TX | nicCause.LINK);
    registers.CTRL.update({ LINK: 1, TX: 1, RX: 1, PROMISCUOUS: promiscuous ? 1 : 0 });
    registers.RX_TAIL.write(rx.tail);
  }

  async #wait(vector: number, { signal }: NicWait): Promise<void> {
    if (signal?.aborted) {
      throw new PciError("ERR_ABORTED", `waiting for ${this.device.address} was aborted`, {
        cause: signal.reason,
      });
    }
    if (this.#vectors === undefined) {
      this.device.relax();
      await setImmediate();
      return;
    }
    try {
      await this.#vectors.at(vector).wait({ ...(signal && { signal }) });
    } catch (error) {
      if (!this.#closed) throw error;
    }
  }

  #vector(index: number): Vector {
    if (this.#vectors !== undefined) return this.#vectors.at(index);
    throw new PciError("ERR_NOT_SUPPORTED", `${this.device.address} was attached without interrupts`, {
      hint: "Nic.attach(device, { interrupts: true }), or call poll() in a loop",
    });
  }
}
