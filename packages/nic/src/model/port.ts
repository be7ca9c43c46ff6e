import type { AccessHandler, ModelDevice, ModelInstance } from "@userpci/device-model";
import { type RegisterBank, registerBank, registerTable } from "@userpci/device-model/registers";
import { nicCause, nicRegisters, nicVector } from "../registers.ts";
import { Receiver } from "./receiver.ts";
import { Transmitter } from "./transmitter.ts";
import type { Wire } from "./wire.ts";

const { fields: control } = nicRegisters.rows.CTRL;
const { fields: status } = nicRegisters.rows.STATUS;

const bit = ({ lo }: { readonly lo: number }): number => (1 << lo) >>> 0;

/** What a port is made of. */
export interface PortOptions {
  readonly wire: Wire;
  /** Which end of the wire it is. */
  readonly end: 0 | 1;
  readonly mac: Uint8Array;
  readonly maxFrame: number;
}

/** The registers of one of the two, with the values that are its own. */
export const portTable = ({ mac, maxFrame }: Pick<PortOptions, "mac" | "maxFrame">) => {
  const { MAX_FRAME, MAC_LOW, MAC_HIGH, ...rows } = nicRegisters.rows;
  const bytes = new DataView(mac.buffer, mac.byteOffset);
  return registerTable("nic", {
    ...rows,
    MAX_FRAME: { ...MAX_FRAME, reset: maxFrame },
    MAC_LOW: { ...MAC_LOW, reset: bytes.getUint32(0, true) },
    MAC_HIGH: { ...MAC_HIGH, reset: bytes.getUint16(4, true) },
  });
};

type PortRows = ReturnType<typeof portTable>["rows"];

/** One of two NICs that are linked. */
export class Port implements ModelInstance {
  readonly bars: { readonly 0: AccessHandler };
  readonly transmitter: Transmitter;
  readonly receiver: Receiver;
  readonly #device: ModelDevice;
  readonly #options: PortOptions;
  readonly #bank: RegisterBank<PortRows>;
  /** The six bytes of its address, as two numbers. */
  #macLow = 0;
  #macHigh = 0;
  #promiscuous = false;

  constructor(device: ModelDevice, options: PortOptions) {
    const { wire, end, maxFrame } = options;
    this.#device = device;
    this.#options = options;
    this.transmitter = new Transmitter(device, {
      maxFrame,
      deliver: (frame) => wire.carry(end, frame),
      onSent: (asked) => {
        wire.tell(end);
        if (asked) this.#raise(nicCause.TX, nicVector.TX);
      },
      onFault: () => this.#fail(bit(status.TX_FAULT)),
    });
    this.receiver = new Receiver(device, {
      onReceived: () => this.#raise(nicCause.RX, nicVector.RX),
      onFault: () => this.#fail(bit(status.RX_FAULT)),
    });
    this.#bank = this.#makeBank();
    this.bars = { 0: this.#bank };
    wire.connect(end, this);
  }

  /** Whether it offers the link. */
  get offersLink(): boolean {
    return (this.#bank.get("CTRL") & bit(control.LINK)) !== 0;
  }

  reset(): void {
    const { receiver, transmitter } = this;
    for (const half of [receiver, transmitter]) {
      half.stop();
      half.frames = 0;
      half.bytes = 0;
      half.errors = 0;
    }
    receiver.dropped = 0;
    this.#bank.reset();
    this.#noteAddress();
    this.#promiscuous = false;
    this.#updateLine();
    this.#options.wire.negotiate();
  }

  /** The link came up, or went down. */
  setLink(up: boolean): void {
    const before = this.#bank.get("STATUS");
    const after = up ? before | bit(status.LINK) : before & ~bit(status.LINK);
    if (before === after) return;
    this.#bank.set("STATUS", after);
    this.#raise(nicCause.LINK, nicVector.LINK);
  }

  /** Takes a frame from the wire, if it is for this station. */
  receive(frame: Uint8Array): void {
    if (this.#promiscuous || (frame[0]! & 1) === 1 || this.#isOwn(frame)) this.receiver.receive(frame);
  }

  #makeBank(): RegisterBank<PortRows> {
    const { receiver, transmitter } = this;
    return registerBank(portTable(this.#options), {
      CTRL: { write: (value, former) => this.#control(value, former) },
      MAC_LOW: { write: () => this.#noteAddress() },
      MAC_HIGH: { write: () => this.#noteAddress() },
      INT_STATUS: { write: () => this.#updateLine() },
      INT_ENABLE: { write: () => this.#updateLine() },
      TX_TAIL: { write: (tail) => transmitter.kick(tail) },
      RX_TAIL: { write: (tail) => receiver.fill(tail) },
      TX_HEAD: { read: () => transmitter.ring.head },
      RX_HEAD: { read: () => receiver.ring.head },
      TX_FRAMES: { read: () => transmitter.frames },
      TX_ERRORS: { read: () => transmitter.errors },
      TX_BYTES: { read: () => BigInt(transmitter.bytes) },
      RX_FRAMES: { read: () => receiver.frames },
      RX_ERRORS: { read: () => receiver.errors },
      RX_BYTES: { read: () => BigInt(receiver.bytes) },
      RX_DROPPED: { read: () => receiver.dropped },
    });
  }

  #control(value: number, former: number): void {
    if ((value & bit(control.RESET)) !== 0) {
      this.reset();
      return;
    }
    const bank = this.#bank;
    this.#promiscuous = (value & bit(control.PROMISCUOUS)) !== 0;
    const changed = value ^ former;
    if ((changed & bit(control.TX)) !== 0) {
      if ((value & bit(control.TX)) === 0) this.transmitter.stop();
      else if (!this.transmitter.ring.start(bank.get("TX_BASE"), bank.get("TX_SIZE"))) {
        this.#fail(bit(status.TX_FAULT));
      }
    }
    if ((changed & bit(control.RX)) !== 0) {
      if ((value & bit(control.RX)) === 0) this.receiver.stop();
      else if (!this.receiver.ring.start(bank.get("RX_BASE"), bank.get("RX_SIZE"))) {
        this.#fail(bit(status.RX_FAULT));
      }
    }
    if ((changed & bit(control.LINK)) !== 0) this.#options.wire.negotiate();
  }

  /** A ring is of no use any more. */
  #fail(fault: number): void {
    this.#bank.set("STATUS", this.#bank.get("STATUS") | fault);
    this.#raise(nicCause.LINK, nicVector.LINK);
  }

  #raise(cause: number, vector: number): void {
    const bank = this.#bank;
    bank.set("INT_STATUS", bank.get("INT_STATUS") | cause);
    if ((bank.get("INT_ENABLE") & cause) === 0) return;
    if (this.#device.interrupts.mode === "msix") this.#device.interrupts.signal(vector);
    else this.#updateLine();
  }

  #updateLine(): void {
    const waits = (this.#bank.get("INT_STATUS") & this.#bank.get("INT_ENABLE")) !== 0;
    this.#device.interrupts.setLine(waits && this.#device.interrupts.mode !== "msix");
  }

  #noteAddress(): void {
    this.#macLow = this.#bank.get("MAC_LOW");
    this.#macHigh = this.#bank.get("MAC_HIGH");
  }

  #isOwn(frame: Uint8Array): boolean {
    const low = (frame[0]! | (frame[1]! << 8) | (frame[2]! << 16) | (frame[3]! << 24)) >>> 0;
    return low === this.#macLow && (frame[4]! | (frame[5]! << 8)) === this.#macHigh;
  }
}
