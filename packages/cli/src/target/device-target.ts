import { isPciError, type OwnedRegion, PciError, type Region } from "@userpci/interface";
import { type ConfigSpace, describeRom } from "@userpci/pci-config";
import type { PciFunction } from "@userpci/sysfs";
import { type Backend, defaultBackend, openDevice, type PciDevice } from "userpci";
import type { BarTables } from "userpci/trace";
import { readRegion, type Target, type TargetBar, type TargetVia } from "./target.ts";

const BARS = 6;
/** Bytes of a ROM between two looks for its end, where they are read at once and one by one. */
const ROM_STEPS = { atOnce: 2 ** 16, oneByOne: 2 ** 12 } as const;

/** How {@link DeviceTarget.open} opens. */
export interface DeviceTargetOptions {
  readonly backend?: Backend;
  /** The widest bus address for DMA, in bits. Default 64. */
  readonly dmaBits?: number | undefined;
  /** The registers of its model. */
  readonly tables?: BarTables;
}

/** A target that is an open device: on the kernel's VFIO, over vfio-user, or emulated. */
export class DeviceTarget implements Target {
  readonly address: string;
  readonly via: TargetVia;
  readonly device: PciDevice;
  readonly fn: PciFunction | null;
  readonly tables: BarTables | undefined;
  readonly #backend: Backend | undefined;

  private constructor(device: PciDevice, fn: PciFunction | null, { backend, tables }: DeviceTargetOptions) {
    this.device = device;
    this.address = device.address;
    this.via = device.backendDevice.backend as TargetVia;
    this.fn = fn;
    this.tables = tables;
    this.#backend = backend;
  }

  /**
   * Opens a device.
   *
   * @param fn what sysfs says of it; null for one of no machine
   * @param options a backend is closed with the target; the default one is the process's
   * @throws PciError as `openDevice`
   */
  static async open(
    address: string,
    fn: PciFunction | null,
    options: DeviceTargetOptions,
  ): Promise<DeviceTarget> {
    const { backend, dmaBits = 64 } = options;
    try {
      const device = await openDevice(address, { backend: backend ?? defaultBackend(address), dmaBits });
      return new DeviceTarget(device, fn, options);
    } catch (error) {
      await backend?.close();
      throw error;
    }
  }

  get config(): ConfigSpace {
    return this.device.config;
  }

  get bars(): readonly TargetBar[] {
    const bars: TargetBar[] = [];
    for (let index = 0; index < BARS; index++) {
      const { size } = this.device.bar(index);
      if (size > 0) bars.push({ index, size, space: this.#isPorts(index) ? "io" : "memory" });
    }
    return bars;
  }

  bar(index: number): OwnedRegion {
    const bar = this.device.bar(index);
    if (bar.size === 0) throw this.#missing(index);
    const ports = this.#isPorts(index);
    // Gone with the device's close, or its reset.
    this.config.command.update(ports ? { io: true } : { memory: true });
    if (ports) return unowned(bar.region());
    try {
      return bar.map();
    } catch (error) {
      // Of less than a page, which the kernel does not map: by system calls.
      if (isPciError(error, "ERR_NOT_SUPPORTED")) return unowned(bar.region());
      throw error;
    }
  }

  rom(onProgress?: (read: number, most: number) => void): Uint8Array | null {
    const { size } = this.device.backendDevice.regionInfo(6);
    if (size === 0) return null;
    const region = this.device.rom();
    const bytes = new Uint8Array(size);
    const piece = region.readInto === undefined ? ROM_STEPS.oneByOne : ROM_STEPS.atOnce;
    // A ROM's BAR is larger than what is in it, and vfio-pci maps it anew for each call: as the kernel does, up to the last image's end.
    for (let length = 0; length < size; ) {
      const step = Math.min(piece, size - length);
      bytes.set(readRegion(region, step, length), length);
      length += step;
      onProgress?.(length, size);
      const read = bytes.subarray(0, length);
      const { images, problem } = describeRom(read);
      const last = images.at(-1);
      if (problem === undefined && last !== undefined) return bytes.slice(0, last.offset + last.length);
      if (images.length === 0 && bytes[0] !== 0x55) return bytes.slice(0, length);
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.device.close();
    await this.#backend?.close();
  }

  /** {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #missing(index: number): PciError {
    const there = this.bars.map((bar) => `BAR ${bar.index}`);
    return new PciError("ERR_NOT_SUPPORTED", `${this.address} has no BAR ${index}`, {
      hint: there.length === 0 ? "it has no BARs at all" : `it has ${there.join(", ")}`,
    });
  }

  /** Bit 0 of a BAR register (PCI 3.0, section 6.2.5.1). */
  #isPorts(index: number): boolean {
    return (this.config.region.read32(0x10 + 4 * index) & 1) !== 0;
  }
}

/** A region that holds nothing open. */
function unowned(region: Region): OwnedRegion {
  return {
    size: region.size,
    closed: false,
    read8: (offset) => region.read8(offset),
    read16: (offset) => region.read16(offset),
    read32: (offset) => region.read32(offset),
    read64: (offset) => region.read64(offset),
    write8: (offset, value) => region.write8(offset, value),
    write16: (offset, value) => region.write16(offset, value),
    write32: (offset, value) => region.write32(offset, value),
    write64: (offset, value) => region.write64(offset, value),
    close: () => undefined,
    [Symbol.dispose]: () => undefined,
  };
}
