import { type OwnedRegion, PciError, type Region } from "@userpci/interface";
import { accessError } from "./access-error.ts";

/** A mapped part of a region: device memory behind an ArrayBuffer that nobody else sees. */
export interface MappedWindow {
  /** Where it begins in the region, in bytes, a page multiple. */
  readonly offset: number;
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
  delete(region: MappedRegion): void;
}

const noFault = new Int32Array(1);
const nothing = new ArrayBuffer(0);

/**
 * A region over mmap, joined with `fallback` where nothing is mapped (sparse areas, the pages of the MSI-X table).
 *
 * Each accessor compiles to one bounds check and one access: reads are `Atomics.load`, which the language does not allow
 * to be merged, split or dropped; writes are plain typed-array stores. `tests/native/one-access.test.ts` proves
 * it tier by tier. The views of one window at a time are at hand, and an access elsewhere changes the window.
 */
export class MappedRegion implements OwnedRegion {
  readonly size: number;
  readonly #name: string;
  readonly #windows: readonly MappedWindow[];
  readonly #fallback: Region;
  readonly #supervisor: RegionSupervisor;
  #closed = false;

  // The current window. A limit of 0 sends every access to `#locate`, which is how a region is blocked.
  #start = 0;
  #limit = 0;
  #fault = noFault;
  #u8 = new Uint8Array(nothing);
  #u16 = new Uint16Array(nothing);
  #u32 = new Uint32Array(nothing);
  #u64 = new BigUint64Array(nothing);

  /**
   * @param name for messages, such as "BAR 0"
   * @param size of the whole region, in bytes
   * @param windows ascending and disjoint
   */
  constructor(
    name: string,
    size: number,
    windows: readonly MappedWindow[],
    fallback: Region,
    supervisor: RegionSupervisor,
  ) {
    this.#name = name;
    this.size = size;
    this.#windows = windows;
    this.#fallback = fallback;
    this.#supervisor = supervisor;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(offset: number): number {
    const at = offset - this.#start;
    if (at >>> 0 !== at || at >= this.#limit) {
      return this.#locate(offset, 1) ? this.read8(offset) : this.#fallback.read8(offset);
    }
    const value = Atomics.load(this.#u8, at);
    if (value === 0xff && this.#fault[0] !== 0) this.#faulted(offset);
    return value;
  }

  read16(offset: number): number {
    const at = offset - this.#start;
    const index = at >>> 1;
    if (index * 2 !== at || at >= this.#limit) {
      return this.#locate(offset, 2) ? this.read16(offset) : this.#fallback.read16(offset);
    }
    const value = Atomics.load(this.#u16, index);
    if (value === 0xffff && this.#fault[0] !== 0) this.#faulted(offset);
    return value;
  }

  read32(offset: number): number {
    const at = offset - this.#start;
    const index = at >>> 2;
    if (index * 4 !== at || at >= this.#limit) {
      return this.#locate(offset, 4) ? this.read32(offset) : this.#fallback.read32(offset);
    }
    const value = Atomics.load(this.#u32, index);
    if (value === 0xffff_ffff && this.#fault[0] !== 0) this.#faulted(offset);
    return value;
  }

  read64(offset: number): bigint {
    const at = offset - this.#start;
    const index = at >>> 3;
    if (index * 8 !== at || at >= this.#limit) {
      return this.#locate(offset, 8) ? this.read64(offset) : this.#fallback.read64(offset);
    }
    const value = Atomics.load(this.#u64, index);
    if (this.#fault[0] !== 0) this.#faulted(offset);
    return value;
  }

  write8(offset: number, value: number): void {
    const at = offset - this.#start;
    if (at >>> 0 !== at || at >= this.#limit) {
      if (this.#locate(offset, 1)) this.write8(offset, value);
      else this.#fallback.write8(offset, value);
      return;
    }
    this.#u8[at] = value;
    if (this.#fault[0] !== 0) this.#faulted(offset);
  }

  write16(offset: number, value: number): void {
    const at = offset - this.#start;
    const index = at >>> 1;
    if (index * 2 !== at || at >= this.#limit) {
      if (this.#locate(offset, 2)) this.write16(offset, value);
      else this.#fallback.write16(offset, value);
      return;
    }
    this.#u16[index] = value;
    if (this.#fault[0] !== 0) this.#faulted(offset);
  }

  write32(offset: number, value: number): void {
    const at = offset - this.#start;
    const index = at >>> 2;
    if (index * 4 !== at || at >= this.#limit) {
      if (this.#locate(offset, 4)) this.write32(offset, value);
      else this.#fallback.write32(offset, value);
      return;
    }
    this.#u32[index] = value;
    if (this.#fault[0] !== 0) this.#faulted(offset);
  }

  write64(offset: number, value: bigint): void {
    const at = offset - this.#start;
    const index = at >>> 3;
    if (index * 8 !== at || at >= this.#limit) {
      if (this.#locate(offset, 8)) this.write64(offset, value);
      else this.#fallback.write64(offset, value);
      return;
    }
    this.#u64[index] = value;
    if (this.#fault[0] !== 0) this.#faulted(offset);
  }

  /** Sends the next access through {@link RegionSupervisor.assertUsable}. */
  block(): void {
    this.#limit = 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#use(nothing, 0, noFault);
    for (const window of this.#windows) window.release();
    this.#supervisor.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Makes the window that holds `offset` current.
   *
   * @returns false if no window holds it, so that the fallback has to serve
   */
  #locate(offset: number, width: number): boolean {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#name} is unmapped`, { hint: "map it again" });
    const error = accessError(this.#name, this.size, offset, width);
    if (error !== undefined) throw error;
    this.#supervisor.assertUsable();
    const window = this.#windows.find((w) => offset >= w.offset && offset < w.offset + w.buffer.byteLength);
    if (window === undefined) return false;
    if (window.fault[0] !== 0) this.#recover(window, offset);
    this.#use(window.buffer, window.offset, window.fault);
    return true;
  }

  #use(buffer: ArrayBuffer, start: number, fault: Int32Array<ArrayBuffer>): void {
    this.#start = start;
    this.#limit = buffer.byteLength;
    this.#fault = fault;
    this.#u8 = new Uint8Array(buffer);
    this.#u16 = new Uint16Array(buffer);
    this.#u32 = new Uint32Array(buffer);
    this.#u64 = new BigUint64Array(buffer);
  }

  #recover(window: MappedWindow, offset: number): void {
    if (!this.#supervisor.decodesMemory()) throw this.#faultError(offset);
    window.remap();
  }

  #faulted(offset: number): never {
    this.block();
    throw this.#faultError(offset);
  }

  #faultError(offset: number): PciError {
    return this.#supervisor.faultError(`offset 0x${offset.toString(16)} of ${this.#name}`);
  }
}
