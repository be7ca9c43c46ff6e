import { accessError, PciError, type Region, type RegionArea, valueError } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";

/** Accesses of 64 bits, each of which reaches the device as one. */
export interface WideAccess {
  /** Reads at a position of the device's file. Returns the value, or a negative errno. */
  readWide(position: number): bigint | number;
  /** Writes there. Returns 0, or a negative errno. */
  writeWide(position: number, value: bigint): number;
}

/** A part of the device descriptor's file that is one region. */
export interface RegionSpan {
  /** For messages, such as "BAR 0" or "config space". */
  readonly name: string;
  /** Where the region begins in the descriptor's file. */
  readonly base: number;
  /** Size in bytes. */
  readonly size: number;
  /** The MSI-X table, if it lies in this region and the kernel keeps it from the user (row R6). */
  readonly msixTable?: RegionArea;
  /** Whether it is the device's registers: there a read of all ones may come from nobody. */
  readonly registers?: boolean;
  /** Whether it reads the same whatever the width of accesses: {@link Region.readInto} is offered then. */
  readonly bulk?: boolean;
  /** Whether nothing of it can be written. */
  readonly readOnly?: boolean;
  /** How accesses of 64 bits go, if they can. Default: they are refused. */
  readonly wide?: WideAccess;
}

/** Error numbers with which vfio-pci answers for a device that does not decode memory or is gone. */
const UNANSWERED = new Set([-5 /* EIO */, -6 /* ENXIO */, -19 /* ENODEV */]);

/** What a span that ends too early counts as: EIO. */
const END_OF_FILE = -5;

/** What the bus answers for a device that is not there, by the read's width in bytes. */
const ones = { 1: 0xff, 2: 0xffff, 4: 0xffff_ffff } as const;

const ONES64 = 2n ** 64n - 1n;

/** A region by `pread` and `pwrite` on the device descriptor: one system call, one access. */
export class PreadRegion implements Region {
  readonly size: number;
  readonly readInto?: (offset: number, bytes: Uint8Array) => void;
  readonly #access: DeviceAccess;
  readonly #span: RegionSpan;
  readonly #base: number;

  constructor(access: DeviceAccess, span: RegionSpan) {
    this.#access = access;
    this.#span = span;
    this.#base = span.base;
    this.size = span.size;
    if (span.bulk) this.readInto = (offset, bytes) => this.#fill(offset, bytes);
  }

  read8(offset: number): number {
    return this.#read(offset, 1);
  }

  read16(offset: number): number {
    return this.#read(offset, 2);
  }

  read32(offset: number): number {
    return this.#read(offset, 4);
  }

  /** vfio-pci splits 64 bits in two on most kernels (`vfio_pci_core_do_io_rw`), so the kernel's are not offered. */
  read64(offset: number): bigint {
    const { wide } = this.#span;
    if (wide === undefined) throw this.#noWide(offset);
    this.#check(offset, 8);
    const value = wide.readWide(this.#base + offset);
    if (typeof value === "number") this.#fail(value, "pread", offset);
    if (value === ONES64 && this.#span.registers) this.#doubt(offset);
    return value;
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

  write64(offset: number, value: bigint): void {
    const { wide } = this.#span;
    if (wide === undefined) throw this.#noWide(offset);
    this.#check(offset, 8);
    if (typeof value !== "bigint") throw valueError(this.#span.name, offset, 8, value);
    const result = wide.writeWide(this.#base + offset, value);
    if (result < 0) this.#fail(result, "pwrite", offset);
  }

  #read(offset: number, width: 1 | 2 | 4): number {
    this.#check(offset, width);
    const value = this.#access.native.readScalar(this.#access.fd, this.#base + offset, width);
    if (value < 0) this.#fail(value, "pread", offset);
    if (value === ones[width] && this.#span.registers) this.#doubt(offset);
    return value;
  }

  #fill(offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#check(offset, 1);
    this.#check(offset + bytes.length - 1, 1);
    const { native, fd } = this.#access;
    for (let done = 0; done < bytes.length; ) {
      const count = native.pread(fd, bytes.subarray(done), this.#base + offset + done);
      if (count <= 0) this.#fail(count === 0 ? END_OF_FILE : count, "pread", offset + done);
      done += count;
    }
  }

  #write(offset: number, width: 1 | 2 | 4, value: number): void {
    this.#check(offset, width);
    if (typeof value !== "number") throw valueError(this.#span.name, offset, width, value);
    if (this.#span.readOnly) throw this.#noWrite();
    const result = this.#access.native.writeScalar(this.#access.fd, this.#base + offset, width, value);
    if (result < 0) this.#fail(result, "pwrite", offset);
  }

  #check(offset: number, width: number): void {
    // The common case is one comparison chain without a call.
    const sound =
      typeof offset === "number" && offset >= 0 && offset + width <= this.size && offset % width === 0;
    if (!sound || this.#access.blocked || this.#span.msixTable !== undefined) {
      this.#refuse(offset, width);
    }
  }

  #refuse(offset: number, width: number): void {
    this.#access.assertUsable();
    const { name, msixTable } = this.#span;
    const error = accessError(name, this.size, offset, width);
    if (error !== undefined) throw error;
    if (msixTable === undefined) return;
    if (offset + width > msixTable.offset && offset < msixTable.offset + msixTable.size) {
      throw new PciError(
        "ERR_MSIX_TABLE",
        `offset 0x${offset.toString(16)} of ${name} is in the MSI-X table, which the kernel programs`,
        { hint: 'set vectors up with device.irqs.enable("msix", …)' },
      );
    }
  }

  /** The error for a 64-bit access: what is wrong with it otherwise, or that there is none. */
  #noWide(offset: number): PciError {
    this.#access.assertUsable();
    const { name } = this.#span;
    return (
      accessError(name, this.size, offset, 8) ??
      new PciError("ERR_NOT_SUPPORTED", `${name} takes no 64-bit access by system call`, {
        hint: "use two 32-bit accesses in the order the device asks for, or map the BAR",
      })
    );
  }

  #noWrite(): PciError {
    return new PciError("ERR_NOT_SUPPORTED", `${this.#span.name} cannot be written`, {
      hint: "its region is read-only: see `writable` of its information",
    });
  }

  #doubt(offset: number): void {
    const gone = this.#access.goneError(this.#placeOf(offset));
    if (gone !== undefined) throw gone;
  }

  #placeOf(offset: number): string {
    return `offset 0x${offset.toString(16)} of ${this.#span.name}`;
  }

  #fail(result: number, syscall: string, offset: number): never {
    const where = this.#placeOf(offset);
    if (UNANSWERED.has(result)) throw this.#access.faultError(where);
    const hint = this.#access.native.refusalHint;
    throw systemError(result, syscall, {
      message: `${syscall} at ${where} of ${this.#access.address}`,
      ...(hint !== undefined && { hint }),
    });
  }
}
