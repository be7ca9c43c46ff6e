import { DeviceGoneError, Failures, PciError } from "@userpci/interface";
import type { Native } from "./native.ts";

/** A region that must be told when the device may not be touched. */
export interface Blockable {
  /** From now on no access goes through without asking the {@link DeviceAccess} again. */
  block(): void;
  close(): void;
}

/**
 * Offset of the revision and class code register, 32 bits (PCI 3.0, section 6.2.1): vfio-pci takes it from the device, while
 * it answers the ids and capability headers itself, also for one that is gone (`drivers/vfio/pci/vfio_pci_config.c`).
 */
const CLASS_REGISTER = 0x08;
const ALL_ONES = 0xffff_ffff;
/** Offset of the command register; bit 1 enables memory decode (PCI 3.0, section 6.2.2). */
const COMMAND_REGISTER = 0x04;
const COMMAND_MEMORY = 1 << 1;

/**
 * Whether a device's registers may be touched at this moment, and what happened when one did not answer. One object
 * per open device, shared by all of its regions.
 */
export class DeviceAccess {
  readonly native: Native;
  /** The device descriptor. */
  readonly fd: number;
  /** PCI address, for messages. */
  readonly address: string;
  readonly #configOffset: number;
  #state: "open" | "resetting" | "closed" = "open";
  readonly #regions = new Set<Blockable>();
  readonly #afterReset: (() => void)[] = [];

  /** @param configOffset where configuration space begins in the descriptor's file */
  constructor(native: Native, fd: number, address: string, configOffset: number) {
    this.native = native;
    this.fd = fd;
    this.address = address;
    this.#configOffset = configOffset;
  }

  get closed(): boolean {
    return this.#state === "closed";
  }

  get resetting(): boolean {
    return this.#state === "resetting";
  }

  /** Whether an access would be refused; cheap enough for every system call. */
  get blocked(): boolean {
    return this.#state !== "open";
  }

  /** @throws PciError `ERR_CLOSED`, `ERR_RESETTING` */
  assertUsable(): void {
    if (this.#state === "closed") {
      throw new PciError("ERR_CLOSED", `${this.address} is closed`, { hint: "open the device again" });
    }
    if (this.#state === "resetting") {
      throw new PciError("ERR_RESETTING", `${this.address} is being reset`, {
        hint: "await the promise of reset() before touching registers",
      });
    }
  }

  /** Registers a mapped region, to be blocked during resets and closed with the device. */
  add(region: Blockable): void {
    this.#regions.add(region);
  }

  delete(region: Blockable): void {
    this.#regions.delete(region);
  }

  /** Refuses accesses until {@link endReset}. */
  beginReset(): void {
    this.assertUsable();
    this.#state = "resetting";
    for (const region of this.#regions) region.block();
  }

  /** Lets accesses through again, after what was put off until now. @throws what of that failed, when all was done */
  endReset(): void {
    if (this.#state !== "resetting") return;
    this.#state = "open";
    const failures = new Failures();
    for (const step of this.#afterReset.splice(0)) failures.try(step);
    failures.throwIfAny(`the reset of ${this.address} is over, but`);
  }

  /** Puts a step off until the reset under way is over; never done if the device is closed before. */
  afterReset(step: () => void): void {
    this.#afterReset.push(step);
  }

  /** Refuses accesses for ever and unmaps the regions. */
  close(): void {
    this.#state = "closed";
    this.#afterReset.length = 0;
    for (const region of this.#regions) region.close();
    this.#regions.clear();
  }

  /** Whether memory decode is on, by configuration space, which answers when a BAR does not. */
  decodesMemory(): boolean {
    if (!this.#answers()) return false;
    const command = this.native.readScalar(this.fd, this.#configOffset + COMMAND_REGISTER, 2);
    return command >= 0 && (command & COMMAND_MEMORY) !== 0;
  }

  /**
   * Why a register access found nobody: the class code is read to tell a device that was unplugged from one that only
   * does not decode its BARs (rule 10 of the architecture).
   *
   * @param where what was accessed, for the message
   */
  faultError(where: string): PciError {
    return (
      this.goneError(where) ??
      new PciError("ERR_MEMORY_DISABLED", `${this.address} does not decode memory: ${where} found nobody`, {
        hint: "device.config.command.update({ memory: true }), then access it again",
      })
    );
  }

  /**
   * What a read of all ones means: the error if the device is gone, and undefined if it is there and its register reads so.
   *
   * @param where what was read, for the message
   */
  goneError(where: string): PciError | undefined {
    if (this.#answers()) return undefined;
    return new DeviceGoneError(`${this.address} no longer answers: ${where} found nobody`, {
      hint: "close the device; it was unplugged, or its link is down",
    });
  }

  #answers(): boolean {
    const value = this.native.readScalar(this.fd, this.#configOffset + CLASS_REGISTER, 4);
    return value >= 0 && value !== ALL_ONES;
  }
}
