import { checkType, PciError } from "@userpci/interface";

const form = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-9a-f])$/i;

/**
 * Where a PCI function sits: domain, bus, device, function. Written `0000:00:04.0`, as the kernel names it under
 * `/sys/bus/pci/devices`.
 */
export class PciAddress {
  /** PCI segment, 0 to 2^32 - 1; above 0xffff for buses that software made, such as Intel VMD's. */
  readonly domain: number;
  /** 0 to 255. */
  readonly bus: number;
  /** 0 to 31. */
  readonly device: number;
  /** 0 to 7. */
  readonly function: number;

  private constructor(domain: number, bus: number, device: number, fn: number) {
    this.domain = domain;
    this.bus = bus;
    this.device = device;
    this.function = fn;
  }

  /**
   * Reads an address. The domain may be left out (`00:04.0`, domain 0), and so may leading zeros.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`
   */
  static parse(text: string): PciAddress {
    checkType("address", text, "string");
    const address = PciAddress.tryParse(text);
    if (address === null) {
      throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a PCI address`, {
        hint: "write domain:bus:device.function in hexadecimal, such as 0000:00:04.0 or 00:04.0 (`userpci list` shows them)",
      });
    }
    return address;
  }

  /** {@link parse}, with null for what is not an address. */
  static tryParse(text: string): PciAddress | null {
    // A regular expression takes an array of one address for that address.
    const match = typeof text === "string" ? form.exec(text) : null;
    if (match === null) return null;
    const [domain, bus, device, fn] = match.slice(1).map((digits) => Number.parseInt(digits ?? "0", 16)) as [
      number,
      number,
      number,
      number,
    ];
    if (device > 0x1f || fn > 7) return null;
    return new PciAddress(domain, bus, device, fn);
  }

  /** Orders by domain, bus, device, function, for `Array.prototype.sort`. */
  static compare(a: PciAddress, b: PciAddress): number {
    return a.domain - b.domain || a.bus - b.bus || a.device - b.device || a.function - b.function;
  }

  /** The kernel's spelling, `0000:00:04.0`. */
  toString(): string {
    return `${hex(this.domain, 4)}:${hex(this.bus, 2)}:${hex(this.device, 2)}.${this.function}`;
  }

  /** {@link toString}: in JSON an address is text. */
  toJSON(): string {
    return this.toString();
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}
