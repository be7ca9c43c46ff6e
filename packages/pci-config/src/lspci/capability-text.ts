import { endOf, type RegisterSpec } from "../table.ts";
import type { ConfigBytes } from "./config-bytes.ts";
import type { LspciDevice } from "./device.ts";
import type { Identity } from "./identity.ts";
import type { LspciOptions } from "./options.ts";

/**
 * Prints a capability: what follows `Capabilities: [40] `, to the end of its last line, newline included. With a
 * verbosity below 2 that is one line.
 */
export type CapabilityPrinter = (capability: CapabilityText) => string;

/** What the printer of a capability sees: its bytes by their offset from its start, and whom it belongs to. */
export class CapabilityText {
  readonly device: LspciDevice;
  readonly options: LspciOptions;
  readonly config: ConfigBytes;
  readonly identity: Identity;
  /** Where it starts. */
  readonly offset: number;
  /** Capability id. */
  readonly id: number;
  /** Version of an extended capability; 0 for standard ones. */
  readonly version: number;
  /** Where the function's PCI Express capability is, if this one is an extended one and there is any. */
  readonly pcie: number | undefined;

  constructor(place: { offset: number; id: number; version: number }, printed: PrintedDevice) {
    this.device = printed.device;
    this.options = printed.options;
    this.config = printed.config;
    this.identity = printed.identity;
    this.offset = place.offset;
    this.id = place.id;
    this.version = place.version;
    this.pcie = printed.pcie;
  }

  /** Whether more than its first line is wanted. */
  get verbose(): boolean {
    return this.options.verbosity > 1;
  }

  /** Layout of the function's header. */
  get headerLayout(): number {
    return this.config.read8(0x0e) & 0x7f;
  }

  /** Whether `length` bytes from `at` could be read. */
  has(at: number, length: number): boolean {
    return this.config.has(this.offset + at, length);
  }

  /** Whether all bytes from the register `first` to the end of `last` could be read. */
  hasFrom(first: RegisterSpec, last: RegisterSpec): boolean {
    return this.has(first.offset, endOf(last) - first.offset);
  }

  /** A register of its table; one that could not be read is all ones. */
  read(spec: RegisterSpec): number {
    if (spec.width === 8) return this.read8(spec.offset);
    return spec.width === 16 ? this.read16(spec.offset) : this.read32(spec.offset);
  }

  read8(at: number): number {
    return this.config.read8(this.offset + at);
  }

  read16(at: number): number {
    return this.config.read16(this.offset + at);
  }

  read32(at: number): number {
    return this.config.read32(this.offset + at);
  }

  read64(at: number): bigint {
    return this.config.read64(this.offset + at);
  }
}

/** A device, its bytes and how it is wanted. */
export interface PrintedDevice {
  readonly device: LspciDevice;
  readonly options: LspciOptions;
  readonly config: ConfigBytes;
  readonly identity: Identity;
  /** Where its PCI Express capability is, once the standard list was walked. */
  readonly pcie?: number | undefined;
}
