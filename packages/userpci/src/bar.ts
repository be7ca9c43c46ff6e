import type { BackendDevice, OwnedRegion, Region, RegionInfo } from "@userpci/interface";
import type { DeviceMeter } from "./telemetry/meter.ts";

/** A base address register's region: registers or memory of the device. */
export class Bar {
  /** 0 to 5. */
  readonly index: number;
  /** Size in bytes and which parts can be mapped. */
  readonly info: RegionInfo;
  readonly #device: BackendDevice;
  readonly #meter: DeviceMeter | undefined;

  /** @param meter counts its accesses @internal */
  constructor(device: BackendDevice, index: number, meter?: DeviceMeter) {
    this.index = index;
    this.info = device.regionInfo(index);
    this.#device = device;
    this.#meter = meter;
  }

  /** Size in bytes; 0 if the function does not have this BAR, or it is the upper half of a 64-bit one. */
  get size(): number {
    return this.info.size;
  }

  /**
   * Maps the BAR: each access is one load or store. Areas that cannot be mapped are served by system calls. After a read of all
   * ones, which is what a bus answers for a device that is gone, the device's class code is read too, by a system call.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` for an I/O port BAR or one that is absent, `ERR_CLOSED`
   */
  map(): OwnedRegion {
    const region = this.#device.mapRegion(this.index);
    return this.#meter?.mapped(this.index, region) ?? region;
  }

  /**
   * The BAR by system calls, one an access: for I/O ports, or where speed does not matter.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the function does not have it, `ERR_CLOSED`
   */
  region(): Region {
    const region = this.#device.region(this.index);
    return this.#meter?.called(region) ?? region;
  }
}
