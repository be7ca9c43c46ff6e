import { accessError, type OwnedRegion, PciError, valueError } from "@userpci/interface";
import type { Blockable } from "./device-access.ts";
import * as registers from "./register-load.ts";

// V8 fetches an imported binding at each use, and knows a constant of the module itself.
const { load8, load16, load32, load64, isOnes64 } = registers;

/** A mapped part of a region: device memory behind an ArrayBuffer that nobody else sees. */
export interface MappedWindow {
  /** Where it begins in the region, in bytes, a page multiple. */
  readonly offset: number;
  /** At most 1 GiB. */
  readonly buffer: ArrayBuffer;
  /** One element, not 0 once a SIGBUS hit the window and it shows all ones instead of the device. */
  readonly fault: Int32Array<ArrayBuffer>;
  /** Maps the device again over the ones. */
  remap(): void;
  /** Detaches the buffer and unmaps. */
  release(): void;
}

/** What a mapped region asks about its device. */
export interface RegionSupervisor {
  /** @throws PciError if the device may not be touched now */
  assertUsable(): void;
  decodesMemory(): boolean;
  faultError(where: string): PciError;
  /** The error if nobody answered at `where`; undefined if the device is there, and its register has all bits set. */
  goneError(where: string): PciError | undefined;
  delete(region: Blockable): void;
}

/** What the bus answers for a device that is not there, by the width of the read (PCI Express 6.0, section 2.3.2). */
const ONES8 = 0xff;
const ONES16 = 0xffff;
const ONES32 = 0xffff_ffff;

/** Names the way to a region's window, so that nothing outside this file finds the device's bytes. */
const windowOf = Symbol("window");

/** Has the window ready for the field initialisers of {@link MappedRegion}, which cannot see constructor arguments. */
class WindowHolder {
  readonly #window: MappedWindow;

  constructor(window: MappedWindow) {
    this.#window = window;
  }

  get [windowOf](): MappedWindow {
    return this.#window;
  }
}

/**
 * One window of a region over mmap. Offsets count from the window's start.
 *
 * Each accessor compiles to a comparison and one access; `tests/native/one-access` proves it tier by tier. The views are
 * set once, by initialisers, since V8 then compiles their addresses into the code. What blocks the region, be it a reset,
 * a fault or `close`, sets the limit to 0, which sends the next access to `#admit`.
 *
 * Writes are posted, as on the bus: one that finds nobody is reported by the next read. A read of all ones costs a read
 * of configuration space too, which tells a register that holds them from a device that was pulled out: no fault does.
 */
export class MappedRegion extends WindowHolder implements OwnedRegion, Blockable {
  readonly size = this[windowOf].buffer.byteLength;
  readonly #u8 = new Uint8Array(this[windowOf].buffer);
  readonly #u16 = new Uint16Array(this[windowOf].buffer);
  readonly #u32 = new Uint32Array(this[windowOf].buffer);
  readonly #u64 = new BigUint64Array(this[windowOf].buffer);
  readonly #fault = this[windowOf].fault;
  #limit = this.size;
  #closed = false;
  readonly #name: string;
  readonly #supervisor: RegionSupervisor;

  /** @param name of the window, for messages, such as "BAR 0" */
  constructor(name: string, window: MappedWindow, supervisor: RegionSupervisor) {
    super(window);
    this.#name = name;
    this.#supervisor = supervisor;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(offset: number): number {
    if (typeof offset !== "number" || offset >>> 0 !== offset || offset >= this.#limit) {
      this.#admit(offset, 1);
      return this.read8(offset);
    }
    const value = load8(this.#u8, offset);
    if (value === ONES8 || this.#fault[0] !== 0) this.#doubt(offset);
    return value;
  }

  read16(offset: number): number {
    if (typeof offset !== "number" || ((offset >>> 1) << 1) >>> 0 !== offset || offset >= this.#limit) {
      this.#admit(offset, 2);
      return this.read16(offset);
    }
    const value = load16(this.#u16, offset >>> 1);
    if (value === ONES16 || this.#fault[0] !== 0) this.#doubt(offset);
    return value;
  }

  read32(offset: number): number {
    if (typeof offset !== "number" || ((offset >>> 2) << 2) >>> 0 !== offset || offset >= this.#limit) {
      this.#admit(offset, 4);
      return this.read32(offset);
    }
    const value = load32(this.#u32, offset >>> 2);
    if (value === ONES32 || this.#fault[0] !== 0) this.#doubt(offset);
    return value;
  }

  read64(offset: number): bigint {
    if (typeof offset !== "number" || ((offset >>> 3) << 3) >>> 0 !== offset || offset >= this.#limit) {
      this.#admit(offset, 8);
      return this.read64(offset);
    }
    const value = load64(this.#u64, offset >>> 3);
    if (isOnes64(value) || this.#fault[0] !== 0) this.#doubt(offset);
    return value;
  }

  write8(offset: number, value: number): void {
    if (
      typeof offset !== "number" ||
      offset >>> 0 !== offset ||
      offset >= this.#limit ||
      typeof value !== "number"
    ) {
      this.#admitWrite(offset, 1, value);
      this.write8(offset, value);
      return;
    }
    this.#u8[offset] = value;
  }

  write16(offset: number, value: number): void {
    if (
      typeof offset !== "number" ||
      ((offset >>> 1) << 1) >>> 0 !== offset ||
      offset >= this.#limit ||
      typeof value !== "number"
    ) {
      this.#admitWrite(offset, 2, value);
      this.write16(offset, value);
      return;
    }
    this.#u16[offset >>> 1] = value;
  }

  write32(offset: number, value: number): void {
    if (
      typeof offset !== "number" ||
      ((offset >>> 2) << 2) >>> 0 !== offset ||
      offset >= this.#limit ||
      typeof value !== "number"
    ) {
      this.#admitWrite(offset, 4, value);
      this.write32(offset, value);
      return;
    }
    this.#u32[offset >>> 2] = value;
  }

  write64(offset: number, value: bigint): void {
    if (
      typeof offset !== "number" ||
      ((offset >>> 3) << 3) >>> 0 !== offset ||
      offset >= this.#limit ||
      typeof value !== "bigint"
    ) {
      this.#admitWrite(offset, 8, value);
      this.write64(offset, value);
      return;
    }
    this.#u64[offset >>> 3] = value;
  }

  /** Sends the next access through {@link RegionSupervisor.assertUsable}. */
  block(): void {
    this.#limit = 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.block();
    this[windowOf].release();
    this.#supervisor.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Lets an access through that the limit held back, or throws why not. */
  #admit(offset: number, width: number): void {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#name} is unmapped`, { hint: "map it again" });
    const error = accessError(this.#name, this.size, offset, width);
    if (error !== undefined) throw error;
    this.#supervisor.assertUsable();
    if (this.#fault[0] !== 0) {
      if (!this.#supervisor.decodesMemory()) throw this.#faultError(offset);
      this[windowOf].remap();
    }
    this.#limit = this.size;
  }

  #admitWrite(offset: number, width: number, value: number | bigint): void {
    this.#admit(offset, width);
    const error = valueError(this.#name, offset, width, value);
    if (error !== undefined) throw error;
  }

  /** Throws if what was read came from nobody: by a fault, or as the ones that the bus answers without one. */
  #doubt(offset: number): void {
    if (this.#fault[0] !== 0) {
      this.block();
      throw this.#faultError(offset);
    }
    const gone = this.#supervisor.goneError(this.#placeOf(offset));
    if (gone !== undefined) throw gone;
  }

  #faultError(offset: number): PciError {
    return this.#supervisor.faultError(this.#placeOf(offset));
  }

  #placeOf(offset: number): string {
    return `offset 0x${offset.toString(16)} of ${this.#name}`;
  }
}
