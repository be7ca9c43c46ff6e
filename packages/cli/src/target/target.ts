import type { OwnedRegion, Region } from "@userpci/interface";
import type { ConfigSpace } from "@userpci/pci-config";
import type { PciFunction } from "@userpci/sysfs";
import type { PciDevice } from "userpci";
import type { BarTables } from "userpci/trace";

/** How a target is reached. */
export type TargetVia = "vfio-cdev" | "vfio-group" | "vfio-user" | "emulated" | "sysfs";

/** A device that a command has opened, in one of the ways that there are. The command closes it. */
export interface Target extends AsyncDisposable {
  /** PCI address, path of a socket, or name of a model. */
  readonly address: string;
  readonly via: TargetVia;
  /** The open device; null over sysfs, which has no interrupts and no DMA. */
  readonly device: PciDevice | null;
  /** What sysfs says of it; null for a device that is none of this machine's. */
  readonly fn: PciFunction | null;
  readonly config: ConfigSpace;
  /** What its model says of its registers; undefined for a device that is no model's. */
  readonly tables?: BarTables | undefined;
  /** BARs that it has, ascending. */
  readonly bars: readonly TargetBar[];
  /**
   * Registers of a BAR. Over VFIO and vfio-user, and of a model, memory and port decode is switched on; over sysfs it must be on.
   *
   * @param index 0 to 5
   * @param writable whether it is to be written. Default false
   * @throws PciError `ERR_NOT_SUPPORTED` for a BAR that it has not, `ERR_MEMORY_DISABLED`, `ERR_PERMISSION`
   */
  bar(index: number, writable?: boolean): OwnedRegion;
  /**
   * Bytes of the expansion ROM, or null if it has none.
   *
   * @param onProgress told of each piece: how many bytes were read, of how many at most
   * @throws PciError `ERR_PERMISSION`; what reading throws
   */
  rom(onProgress?: (read: number, most: number) => void): Uint8Array | null;
  /** Harmless twice. */
  close(): Promise<void>;
}

/**
 * Fewest bytes of a function's configuration space, which capabilities are in. Who lacks CAP_SYS_ADMIN reads the first 64 (`pci_read_config` in
 * `drivers/pci/pci-sysfs.c`).
 */
export const SMALLEST_CONFIG = 256;

/** Place and kind of a BAR. */
export interface TargetBar {
  readonly index: number;
  /** Bytes. */
  readonly size: number;
  readonly space: "memory" | "io";
}

/** Bytes of a region from an offset on, a multiple of 4: at once where the region can, else in accesses of 32 bits. */
export function readRegion(region: Region, length: number, from = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  if (region.readInto !== undefined) {
    region.readInto(from, bytes);
    return bytes;
  }
  const view = new DataView(bytes.buffer);
  const whole = length - (length % 4);
  for (let at = 0; at < whole; at += 4) view.setUint32(at, region.read32(from + at), true);
  for (let at = whole; at < length; at++) view.setUint8(at, region.read8(from + at));
  return bytes;
}
