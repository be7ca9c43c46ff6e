import type { DeviceFeatures, DmaMemory, FeatureName, FeatureState, RegionArea } from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { exportDmaBuf } from "./dma-buf.ts";
import { DmaLog, type DmaReport } from "./dma-log.ts";
import { useNamedFeature } from "./feature.ts";
import { LowPower } from "./low-power.ts";
import { Migration } from "./migration.ts";
import * as uapi from "./uapi/vfio.ts";
import { vfTokenBytes } from "./vf-token.ts";

/** The optional features of a device by VFIO: which are there, and their use. */
export class KernelFeatures implements DeviceFeatures {
  readonly lowPower: LowPower;
  readonly dmaLog: DmaLog;
  readonly migration: Migration;
  readonly #access: DeviceAccess;
  readonly #probes: DeviceFeatures;

  /** @internal */
  constructor(access: DeviceAccess, probes: DeviceFeatures, report?: DmaReport) {
    this.#access = access;
    this.#probes = probes;
    this.lowPower = new LowPower(access);
    this.dmaLog = new DmaLog(access, report);
    this.migration = new Migration(access);
  }

  has(name: FeatureName): boolean {
    return this.#probes.has(name);
  }

  need(name: FeatureName): void {
    this.#probes.need(name);
  }

  list(): readonly FeatureState[] {
    return this.#probes.list();
  }

  /**
   * Sets the secret that drivers of the function's virtual ones must give (row R22).
   *
   * @param token a UUID
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`
   */
  setVfToken(token: string): void {
    useNamedFeature(this.#access, "vf-token", "set", uapi.feature.PCI_VF_TOKEN, vfTokenBytes(token));
  }

  /**
   * A part of a BAR as memory without bytes of this process, to be mapped for other devices: `domain.map(memory)`.
   *
   * @param region 0 to 5
   * @param area whole pages of it
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_CLOSED`, or with the system's code
   */
  exportDmaBuf(region: number, area: RegionArea): DmaMemory {
    return exportDmaBuf(this.#access, region, area);
  }
}
