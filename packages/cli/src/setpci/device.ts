import { isPciError, type OwnedRegion, PciError } from "@userpci/interface";
import type { DeviceFilter, LspciDevice } from "@userpci/pci-config/lspci";
import { ConfigFile, listFunctions, PciAddress, type PciFunction } from "@userpci/sysfs";
import { UnopenedConfig } from "./unopened.ts";

const WHOLE = 4096;

/** Bytes of a header that filters look at, as the system tells them: a virtual function's own read all ones. */
function idBytes({ vendor, device, classCode }: PciFunction): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0x00, vendor, true);
  view.setUint16(0x02, device, true);
  view.setUint32(0x08, classCode << 8, true);
  return bytes;
}

/** Addresses of the functions that meet all filters, ascending. */
export function selectFunctions(filters: readonly DeviceFilter[], root: string | undefined): string[] {
  return listFunctions(root === undefined ? {} : { root }).flatMap((fn) => {
    const device: LspciDevice = { address: PciAddress.parse(fn.address), bytes: idBytes(fn) };
    return filters.every((matches) => matches(device, true)) ? [fn.address] : [];
  });
}

/** How a function is opened. */
export interface OpenOptions {
  /** Directory that stands for `/`. */
  readonly root: string | undefined;
  readonly writable: boolean;
  /** Told of what cannot be done, in the words of the original. */
  readonly note: (words: string) => void;
}

/** Opens a function's config space; one that this user may not open is no error yet. @throws PciError as `ConfigFile` */
export function openConfig(
  address: string,
  { root, writable, note }: OpenOptions,
): PaddedConfig | UnopenedConfig {
  try {
    return new PaddedConfig(address, { writable, ...(root !== undefined && { root }) });
  } catch (error) {
    if (!isPciError(error) || error.path === undefined) throw error;
    return new UnopenedConfig(error.path, note);
  }
}

/**
 * A function's config space as setpci sees it: what lies behind the bytes that this user may read, or that the function
 * has, reads all ones.
 */
export class PaddedConfig implements OwnedRegion {
  readonly size = WHOLE;
  readonly #file: ConfigFile;

  /** @throws PciError as `ConfigFile` */
  constructor(address: string, options: { readonly root?: string; readonly writable: boolean }) {
    this.#file = new ConfigFile(address, options);
  }

  get closed(): boolean {
    return this.#file.closed;
  }

  read8(offset: number): number {
    return this.#has(offset, 1) ? this.#file.read8(offset) : 0xff;
  }

  read16(offset: number): number {
    return this.#has(offset, 2) ? this.#file.read16(offset) : 0xffff;
  }

  read32(offset: number): number {
    return this.#has(offset, 4) ? this.#file.read32(offset) : 0xffff_ffff;
  }

  read64(offset: number): bigint {
    return this.#file.read64(offset);
  }

  write8(offset: number, value: number): void {
    this.#require(offset, 1);
    this.#file.write8(offset, value);
  }

  write16(offset: number, value: number): void {
    this.#require(offset, 2);
    this.#file.write16(offset, value);
  }

  write32(offset: number, value: number): void {
    this.#require(offset, 4);
    this.#file.write32(offset, value);
  }

  write64(offset: number, value: bigint): void {
    this.#file.write64(offset, value);
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #has(offset: number, width: number): boolean {
    return offset + width <= this.#file.size;
  }

  #require(offset: number, width: number): void {
    if (this.#has(offset, width)) return;
    const hex = offset.toString(16).padStart(2, "0");
    throw new PciError(
      "ERR_OUT_OF_RANGE",
      `Register ${hex} lies behind the ${this.#file.size} bytes of the function`,
    );
  }
}
