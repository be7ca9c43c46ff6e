import { type AccessGate, accessError, type OwnedRegion, PciError, valueError } from "@userpci/interface";
import type { EmulatedFunction } from "./function.ts";
import { regionName } from "./region-name.ts";

/** Bytes of one access. */
export type Width = 1 | 2 | 4 | 8;

/** What a region is of. */
export interface RegionPlace {
  readonly fn: EmulatedFunction;
  readonly access: AccessGate;
  readonly index: number;
  /** Bytes. */
  readonly size: number;
  /** Whether it is mapped: accesses of 64 bits are one then, and memory of the model is looked at after each. */
  readonly mapped: boolean;
}

/** A region of an emulated device, by call or mapped: each access is one of the device's host. */
export class EmulatedRegion implements OwnedRegion {
  readonly size: number;
  readonly #place: RegionPlace;
  readonly #name: string;
  readonly #data = new DataView(new ArrayBuffer(8));
  readonly #bytes: Readonly<Record<Width, Uint8Array<ArrayBuffer>>>;
  #closed = false;

  constructor(place: RegionPlace) {
    this.#place = place;
    this.size = place.size;
    this.#name = regionName(place.index);
    const bytes = (width: Width) => new Uint8Array(this.#data.buffer, 0, width);
    this.#bytes = { 1: bytes(1), 2: bytes(2), 4: bytes(4), 8: bytes(8) };
  }

  get closed(): boolean {
    return this.#closed || this.#place.access.closed;
  }

  read8(offset: number): number {
    this.#read(offset, 1);
    return this.#data.getUint8(0);
  }

  read16(offset: number): number {
    this.#read(offset, 2);
    return this.#data.getUint16(0, true);
  }

  read32(offset: number): number {
    this.#read(offset, 4);
    return this.#data.getUint32(0, true);
  }

  read64(offset: number): bigint {
    this.#read(offset, 8);
    return this.#data.getBigUint64(0, true);
  }

  write8(offset: number, value: number): void {
    this.#checkWrite(offset, 1, value);
    this.#data.setUint8(0, value);
    this.#write(offset, 1);
  }

  write16(offset: number, value: number): void {
    this.#checkWrite(offset, 2, value);
    this.#data.setUint16(0, value, true);
    this.#write(offset, 2);
  }

  write32(offset: number, value: number): void {
    this.#checkWrite(offset, 4, value);
    this.#data.setUint32(0, value, true);
    this.#write(offset, 4);
  }

  write64(offset: number, value: bigint): void {
    this.#checkWrite(offset, 8, value);
    this.#data.setBigUint64(0, value, true);
    this.#write(offset, 8);
  }

  close(): void {
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #read(offset: number, width: Width): void {
    this.#check(offset, width);
    const { fn, index, mapped } = this.#place;
    fn.read(index, offset, this.#bytes[width]);
    if (mapped) fn.step();
  }

  #write(offset: number, width: Width): void {
    const { fn, index, mapped } = this.#place;
    fn.write(index, offset, this.#bytes[width]);
    if (mapped) fn.step();
  }

  #check(offset: number, width: Width): void {
    const { access, mapped } = this.#place;
    access.assertUsable();
    if (this.#closed) {
      throw new PciError("ERR_CLOSED", `${this.#name} is unmapped`, { hint: "map it again" });
    }
    const error = accessError(this.#name, this.size, offset, width);
    if (error !== undefined) throw error;
    if (width < 8 || mapped) return;
    throw new PciError("ERR_NOT_SUPPORTED", `${this.#name} takes no 64-bit access by call`, {
      hint: "use two 32-bit accesses in the order the device asks for, or map the BAR",
    });
  }

  #checkWrite(offset: number, width: Width, value: number | bigint): void {
    this.#check(offset, width);
    const error = valueError(this.#name, offset, width, value);
    if (error !== undefined) throw error;
  }
}
