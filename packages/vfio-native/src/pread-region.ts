import { PciError, type Region, type RegionArea } from "@userpci/interface";
import { accessError } from "./access-error.ts";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";

/** A part of the device descriptor's file that is one region. */
export interface RegionSpan {
  /** For messages, such as "BAR 0" or "config space". */
  readonly name: string;
  /** Where the region begins in the descriptor's file. */
  readonly base: number;
  /** Size in bytes. */
  readonly size: number;
  /** The widest access the region takes: config space 4, others 8 bytes. */
  readonly widest: 4 | 8;
  /** The MSI-X table, if it lies in this region and the kernel keeps it from the user (row R6). */
  readonly msixTable?: RegionArea;
}

/** Error numbers with which vfio-pci answers for a device that does not decode memory or is gone. */
const UNANSWERED = new Set([-5 /* EIO */, -6 /* ENXIO */, -19 /* ENODEV */]);

/** A region by `pread` and `pwrite` on the device descriptor: one system call, one access. */
export class PreadRegion implements Region {
  readonly size: number;
  readonly #access: DeviceAccess;
  readonly #span: RegionSpan;
  readonly #base: number;
  readonly #wide = new BigUint64Array(1);
  readonly #wideBytes = new Uint8Array(this.#wide.buffer);

  constructor(access: DeviceAccess, span: RegionSpan) {
    this.#access = access;
    this.#span = span;
    this.#base = span.base;
    this.size = span.size;
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

  read64(offset: number): bigint {
    this.#check(offset, 8);
    this.#expect(this.#access.native.pread(this.#access.fd, this.#wideBytes, this.#base + offset), 8, offset);
    return this.#wide[0]!;
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
    this.#check(offset, 8);
    this.#wide[0] = value;
    this.#expect(
      this.#access.native.pwrite(this.#access.fd, this.#wideBytes, this.#base + offset),
      8,
      offset,
    );
  }

  #read(offset: number, width: 1 | 2 | 4): number {
    this.#check(offset, width);
    const value = this.#access.native.readScalar(this.#access.fd, this.#base + offset, width);
    if (value < 0) this.#fail(value, "pread", offset);
    return value;
  }

  #write(offset: number, width: 1 | 2 | 4, value: number): void {
    this.#check(offset, width);
    const result = this.#access.native.writeScalar(this.#access.fd, this.#base + offset, width, value);
    if (result < 0) this.#fail(result, "pwrite", offset);
  }

  #check(offset: number, width: number): void {
    // The common case is one comparison chain without a call.
    const sound = offset >= 0 && offset + width <= this.size && offset % width === 0;
    if (!sound || this.#access.blocked || width > 4 || this.#span.msixTable !== undefined) {
      this.#refuse(offset, width);
    }
  }

  #refuse(offset: number, width: number): void {
    this.#access.assertUsable();
    const { name, widest, msixTable } = this.#span;
    const error = accessError(name, this.size, offset, width);
    if (error !== undefined) throw error;
    if (width > widest) {
      throw new PciError("ERR_NOT_SUPPORTED", `${name} has no ${width * 8}-bit access`, {
        hint: `use ${(width * 8) / 2}-bit accesses`,
      });
    }
    if (msixTable === undefined) return;
    if (offset + width > msixTable.offset && offset < msixTable.offset + msixTable.size) {
      throw new PciError(
        "ERR_MSIX_TABLE",
        `offset 0x${offset.toString(16)} of ${name} is in the MSI-X table, which the kernel programs`,
        { hint: 'set vectors up with device.irqs.enable("msix", …)' },
      );
    }
  }

  #expect(result: number, width: number, offset: number): void {
    if (result < 0) this.#fail(result, "pread or pwrite", offset);
    if (result !== width) {
      const end = `only ${result} of ${width} bytes at offset 0x${offset.toString(16)} of ${this.#span.name}`;
      throw new PciError("ERR_OUT_OF_RANGE", `the kernel transferred ${end}`, {
        hint: "use narrower accesses there",
      });
    }
  }

  #fail(result: number, syscall: string, offset: number): never {
    const where = `offset 0x${offset.toString(16)} of ${this.#span.name}`;
    if (UNANSWERED.has(result)) throw this.#access.faultError(where);
    throw systemError(result, syscall, { message: `${syscall} at ${where} of ${this.#access.address}` });
  }
}
