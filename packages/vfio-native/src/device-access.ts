import { AccessGate, DeviceGoneError, PciError } from "@userpci/interface";
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
export class DeviceAccess extends AccessGate {
  readonly native: Native;
  /** The device descriptor. */
  readonly fd: number;
  readonly #configOffset: number;
  readonly #regions = new Set<Blockable>();

  /** @param configOffset where configuration space begins in the descriptor's file */
  constructor(native: Native, fd: number, address: string, configOffset: number) {
    super(address);
    this.native = native;
    this.fd = fd;
    this.#configOffset = configOffset;
  }

  /** Registers a mapped region, to be blocked during resets and closed with the device. */
  add(region: Blockable): void {
    this.#regions.add(region);
  }

  delete(region: Blockable): void {
    this.#regions.delete(region);
  }

  /** Also of mapped regions. @throws PciError `ERR_CLOSED`, `ERR_RESETTING` */
  override beginReset(): void {
    super.beginReset();
    for (const region of this.#regions) region.block();
  }

  /** Also unmaps the regions. */
  override close(): void {
    super.close();
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
