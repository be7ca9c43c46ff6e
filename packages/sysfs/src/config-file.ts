import { closeSync, existsSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import { accessError, type OwnedRegion, PciError, valueError } from "@userpci/interface";
import { PciAddress } from "./address.ts";
import { functionPath } from "./function.ts";
import { explainWrite } from "./kernel.ts";
import { checkConfigFileOptions } from "./options.ts";
import { systemFailure, type TreeOptions, unreadable } from "./tree.ts";

/** What a config file is opened for, beside its tree. */
export interface ConfigFileOptions extends TreeOptions {
  /** Open it for writing too, which takes root. Default false. */
  readonly writable?: boolean;
}

/**
 * Where config space may end for a user without privileges: after the header, CardBus's being larger (`pci_read_config`,
 * `drivers/pci/pci-sysfs.c`).
 */
const HEADER_SIZES = [64, 128];

/**
 * A function's config space through its `config` file in sysfs, as a region: each access is one access of the same width to
 * the function. Nothing is between the writer and the function but the kernel's lock; a driver may own the function meanwhile.
 */
export class ConfigFile implements OwnedRegion {
  /** Bytes that this user may read: the header without privileges (64, or 128 of a CardBus bridge), else all. */
  readonly size: number;
  readonly #path: string;
  readonly #file: number;
  readonly #scratch = Buffer.alloc(4);
  readonly #writable: boolean;
  #closed = false;

  /**
   * @param address such as `0000:00:04.0` or `00:04.0`
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_NOT_SUPPORTED` if a copied tree lacks the
   * file, or the system's error under its own code
   */
  constructor(address: string, options: ConfigFileOptions = {}) {
    checkConfigFileOptions(options);
    const name = PciAddress.parse(address).toString();
    this.#path = functionPath(name, options, "config");
    this.#writable = options.writable === true;
    this.#file = openConfig(name, functionPath(name, options), this.#path, this.#writable);
    try {
      const { size } = fstatSync(this.#file);
      this.size = HEADER_SIZES.find((end) => end < size && this.#endsAt(end)) ?? size;
    } catch (cause) {
      closeSync(this.#file);
      throw unreadable(this.#path, cause);
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  read8(offset: number): number {
    return this.#read(offset, 1).readUInt8();
  }

  read16(offset: number): number {
    return this.#read(offset, 2).readUInt16LE();
  }

  read32(offset: number): number {
    return this.#read(offset, 4).readUInt32LE();
  }

  /** @throws PciError `ERR_NOT_SUPPORTED`: no access to config space has 64 bits */
  read64(_offset: number): bigint {
    throw tooWide();
  }

  write8(offset: number, value: number): void {
    this.#checkWrite(offset, 1, value);
    this.#scratch.writeUInt8(value & 0xff);
    this.#write(offset, 1);
  }

  write16(offset: number, value: number): void {
    this.#checkWrite(offset, 2, value);
    this.#scratch.writeUInt16LE(value & 0xffff);
    this.#write(offset, 2);
  }

  write32(offset: number, value: number): void {
    this.#checkWrite(offset, 4, value);
    this.#scratch.writeUInt32LE(value >>> 0);
    this.#write(offset, 4);
  }

  /** @throws PciError `ERR_NOT_SUPPORTED`: no access to config space has 64 bits */
  write64(_offset: number, _value: bigint): void {
    throw tooWide();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeSync(this.#file);
  }

  /** As {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #endsAt(offset: number): boolean {
    return readSync(this.#file, this.#scratch, 0, 1, offset) === 0;
  }

  #check(offset: number, width: number): void {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#path} is closed`, { hint: "open it again" });
    const error = accessError(this.#path, this.size, offset, width);
    if (error !== undefined) throw error;
  }

  #read(offset: number, width: number): Buffer {
    this.#check(offset, width);
    this.#transfer("read", offset, width, () => readSync(this.#file, this.#scratch, 0, width, offset));
    return this.#scratch;
  }

  #checkWrite(offset: number, width: number, value: number): void {
    this.#check(offset, width);
    const error = valueError(this.#path, offset, width, value);
    if (error !== undefined) throw error;
    if (!this.#writable) {
      throw new PciError("ERR_NOT_SUPPORTED", `${this.#path} was opened for reading`, {
        hint: "open it with { writable: true }, as root",
      });
    }
  }

  #write(offset: number, width: number): void {
    this.#transfer("written", offset, width, () => writeSync(this.#file, this.#scratch, 0, width, offset));
  }

  #transfer(done: "read" | "written", offset: number, width: number, call: () => number): void {
    let moved: number;
    try {
      moved = call();
    } catch (cause) {
      throw done === "read" ? unreadable(this.#path, cause) : explainWrite(this.#path, cause);
    }
    if (moved === width) return;
    throw new PciError(
      "ERR_DEVICE_GONE",
      `${moved} of ${width} bytes at ${offset} of ${this.#path} were ${done}`,
      {
        path: this.#path,
      },
    );
  }
}

function openConfig(address: string, directory: string, path: string, writable: boolean): number {
  try {
    return openSync(path, writable ? "r+" : "r");
  } catch (cause) {
    const { code, system } = systemFailure(cause);
    if (code === "ENOENT" && existsSync(directory)) {
      throw new PciError("ERR_NOT_SUPPORTED", `${address} has no config file in this tree`, {
        ...system,
        hint: `copy ${path} from the machine too`,
        path,
      });
    }
    if (code === "ENOENT") {
      throw new PciError("ERR_NO_DEVICE", `there is no PCI function ${address}`, {
        ...system,
        hint: "userpci list prints those that there are",
        path,
      });
    }
    if (code === "EACCES" || code === "EPERM") {
      throw new PciError("ERR_PERMISSION", `this user may not ${writable ? "write" : "read"} ${path}`, {
        ...system,
        hint: "run it as root",
        path,
      });
    }
    throw unreadable(path, cause);
  }
}

function tooWide(): PciError {
  return new PciError("ERR_NOT_SUPPORTED", "config space has no accesses of 64 bits", {
    hint: "use two of 32 bits",
  });
}
