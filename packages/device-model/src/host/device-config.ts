import { accessError, PciError, type Region } from "@userpci/interface";
import {
  bytesRegion,
  type ConfigSpace,
  commonHeader,
  configOf,
  standardCapabilities,
} from "@userpci/pci-config";
import { type RegisterMasks, registerMasks } from "./register-masks.ts";

const { command, status } = commonHeader;
const { control: powerControl } = standardCapabilities.pm.registers;

const POWER_STATE = 0x3;
const BIT = {
  io: 1 << command.fields.io.lo,
  memory: 1 << command.fields.memory.lo,
  busMaster: 1 << command.fields.busMaster.lo,
  interruptDisable: 1 << command.fields.interruptDisable.lo,
  interruptStatus: 1 << status.fields.interruptStatus.lo,
  receivedMasterAbort: 1 << status.fields.receivedMasterAbort.lo,
} as const;

/** What a write of software changed. */
export interface ConfigListener {
  /** The power state is another, 0 to 3. */
  powerStateChanged(from: number, to: number): void;
  /** Anything else may be another: the mask bits of MSI, for one. */
  written(): void;
}

/**
 * The config space that a device has in itself: a {@link Region} for software, whose writes do what the access kinds of the
 * register tables say, and {@link own} for the device, which may set any bit.
 */
export class DeviceConfig implements Region {
  readonly size: number;
  /** As the device sees it: without the rules. */
  readonly own: ConfigSpace;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #initial: Uint8Array<ArrayBuffer>;
  readonly #masks: RegisterMasks;
  readonly #plain: Region;
  readonly #power: number | undefined;
  #listener: ConfigListener | undefined;

  /** @param initial the bytes after power-on, as `buildSpace` makes them; they stay as they are */
  constructor(initial: Uint8Array) {
    this.#initial = initial.slice();
    this.#bytes = initial.slice();
    this.#plain = bytesRegion(this.#bytes);
    this.size = initial.length;
    this.own = configOf(this.#plain);
    this.#masks = registerMasks(this.own);
    const pm = this.own.find("pm");
    this.#power = pm === undefined ? undefined : pm.offset + powerControl.offset;
  }

  /** Who is told of writes of software. */
  set listener(listener: ConfigListener) {
    this.#listener = listener;
  }

  /** Whether the device decodes I/O space (section 7.5.1.1.3). */
  get decodesIo(): boolean {
    return this.#command(BIT.io) && this.powerState < 3;
  }

  /** Whether it decodes memory space: as the kernel, in every state but D3 (`__vfio_pci_memory_enabled`). */
  get decodesMemory(): boolean {
    return this.#command(BIT.memory) && this.powerState < 3;
  }

  get busMaster(): boolean {
    return this.#command(BIT.busMaster) && this.powerState === 0;
  }

  /** 0 to 3; 0 without power management. */
  get powerState(): number {
    return this.#power === undefined ? 0 : this.#bytes[this.#power]! & POWER_STATE;
  }

  set powerState(state: number) {
    if (this.#power === undefined) return;
    this.#bytes[this.#power] = (this.#bytes[this.#power]! & ~POWER_STATE) | state;
  }

  /** Status bit 3: whether the line is asserted. */
  set interruptStatus(pending: boolean) {
    this.#setBit(status.offset, BIT.interruptStatus, pending);
  }

  /** The bit of the device itself; its user's is virtual. */
  set interruptDisable(disabled: boolean) {
    this.#setBit(command.offset, BIT.interruptDisable, disabled);
  }

  /** Notes that a request of the device found nobody (section 7.5.1.1.4). */
  noteMasterAbort(): void {
    this.#setBit(status.offset, BIT.receivedMasterAbort, true);
  }

  /** Switches decoding on for what BARs there are, and bus mastering off, as the kernel does for a new user (`pci_enable_device`). */
  enable(has: { readonly memory: boolean; readonly io: boolean }): void {
    this.#setBit(command.offset, BIT.memory, has.memory);
    this.#setBit(command.offset, BIT.io, has.io);
    this.disableBusMaster();
  }

  disableBusMaster(): void {
    this.#setBit(command.offset, BIT.busMaster, false);
  }

  /**
   * What a reset leaves, once the provider has restored what it saved: what software wrote is kept, as `pci_restore_state`
   * does; status bits are as at first unless they are sticky; the device is in D0.
   */
  reset(): void {
    const { clearing, sticky } = this.#masks;
    for (let at = 0; at < this.size; at++) {
      const lost = clearing[at]! & ~sticky[at]!;
      this.#bytes[at] = (this.#bytes[at]! & ~lost) | (this.#initial[at]! & lost);
    }
    this.powerState = 0;
  }

  /** Everything that software writes, or that notes what happened to the device, is as after power-on. */
  restore(): void {
    this.load(this.#initial);
  }

  /** A copy of all bytes. */
  save(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice();
  }

  /** Takes up what of a copy software or the hardware may change: what the device is stays. @param bytes as many as it has */
  load(bytes: Uint8Array): void {
    const { clearing, writable, sticky } = this.#masks;
    for (let at = 0; at < this.size; at++) {
      const taken = clearing[at]! | writable[at]! | sticky[at]!;
      this.#bytes[at] = (this.#bytes[at]! & ~taken) | (bytes[at]! & taken);
    }
  }

  read8(offset: number): number {
    return this.#plain.read8(offset);
  }

  read16(offset: number): number {
    return this.#plain.read16(offset);
  }

  read32(offset: number): number {
    return this.#plain.read32(offset);
  }

  read64(offset: number): bigint {
    throw this.#tooWide(offset);
  }

  write8(offset: number, value: number): void {
    this.#write(offset, 1, value);
  }

  write16(offset: number, value: number): void {
    this.#write(offset, 2, value);
  }

  write32(offset: number, value: number): void {
    this.#write(offset, 4, value);
  }

  write64(offset: number, _value: bigint): void {
    throw this.#tooWide(offset);
  }

  #tooWide(offset: number): PciError {
    return (
      accessError("config space", this.size, offset, 8) ??
      new PciError("ERR_NOT_SUPPORTED", "config space has no accesses of 64 bits", {
        hint: "use two of 32 bits",
      })
    );
  }

  #write(offset: number, width: number, value: number): void {
    const error = accessError("config space", this.size, offset, width);
    if (error !== undefined) throw error;
    const before = this.powerState;
    const { writable, clearing } = this.#masks;
    for (let byte = 0; byte < width; byte++) {
      const at = offset + byte;
      const written = (value >>> (8 * byte)) & 0xff;
      const kept = this.#bytes[at]! & ~(writable[at]! | (clearing[at]! & written));
      this.#bytes[at] = kept | (written & writable[at]!);
    }
    const after = this.powerState;
    if (after !== before) this.#listener?.powerStateChanged(before, after);
    this.#listener?.written();
  }

  #command(bit: number): boolean {
    return (this.#bytes[command.offset]! & bit) !== 0;
  }

  #setBit(offset: number, bit: number, on: boolean): void {
    const before = this.#plain.read16(offset);
    this.#plain.write16(offset, on ? before | bit : before & ~bit);
  }
}
