import { AccessGate, DeviceGoneError, PciError } from "@userpci/interface";
import { findCapability } from "./find-capability.ts";
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
/** Id of the power management capability, and where and what its power state is (PCI Power Management 1.2, section 3.2.4). */
const POWER_MANAGEMENT = 0x01;
const POWER_CONTROL = 4;
const POWER_STATE = 3;
/** The state D3hot, in which a function answers configuration space alone. */
const D3 = 3;

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
    const command = this.#config(COMMAND_REGISTER, 2);
    return command >= 0 && (command & COMMAND_MEMORY) !== 0;
  }

  /**
   * Why a register access found nobody: the class code is read to tell a device that was unplugged from one that only
   * sleeps, or does not decode its BARs (rule 10 of the architecture).
   *
   * @param where what was accessed, for the message
   */
  faultError(where: string): PciError {
    const gone = this.goneError(where);
    if (gone !== undefined) return gone;
    const isAsleep = this.#isAsleep();
    const why = isAsleep ? "is in D3hot" : "does not decode memory";
    return new PciError("ERR_MEMORY_DISABLED", `${this.address} ${why}: ${where} found nobody`, {
      hint: isAsleep
        ? 'bring it back to D0: device.config.find("pm")?.control.update({ powerState: 0 })'
        : "device.config.command.update({ memory: true }), then access it again",
    });
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
    const value = this.#config(CLASS_REGISTER, 4);
    return value >= 0 && value !== ALL_ONES;
  }

  #isAsleep(): boolean {
    const read = (offset: number, width: 1 | 2): number => Math.max(0, this.#config(offset, width));
    const at = findCapability(
      { read8: (offset) => read(offset, 1), read16: (offset) => read(offset, 2) },
      POWER_MANAGEMENT,
    );
    return at !== undefined && (read(at + POWER_CONTROL, 2) & POWER_STATE) === D3;
  }

  /** Reads configuration space. @returns the value, or a negative errno */
  #config(offset: number, width: 1 | 2 | 4): number {
    return this.native.readScalar(this.fd, this.#configOffset + offset, width);
  }
}
