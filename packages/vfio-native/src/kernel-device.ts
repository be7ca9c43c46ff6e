import type {
  Backend,
  BackendDevice,
  DomainRequest,
  IommuDomain,
  IrqKind,
  OpenOptions,
} from "@userpci/interface";
import type { DomainOptions } from "@userpci/iommu";
import type { DeviceIommu } from "./device-iommu.ts";
import type { KernelFeatures } from "./kernel-features.ts";

/** What can be done with interrupt vectors by flags. */
export type IrqAction = "mask" | "unmask" | "trigger";

/** A device on a kernel backend: the contract, and what only VFIO can do. */
export interface KernelDevice extends BackendDevice {
  readonly features: KernelFeatures;
  /** What iommufd can do for the device beside mapping; only on `vfioCdev()`. */
  readonly iommu?: DeviceIommu;
  /**
   * Masks, unmasks or triggers any of neighbouring vectors in one call (`VFIO_IRQ_SET_DATA_BOOL`).
   *
   * @param start first vector
   * @param which for each vector from `start` on, whether to do it
   * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_IRQ_COUNT`, `ERR_CLOSED`
   */
  actOnIrqs(action: IrqAction, kind: IrqKind, start: number, which: readonly boolean[]): void;
}

/** A {@link Backend} on the kernel's VFIO. */
export interface KernelBackend extends Backend {
  /**
   * A domain with no device in it yet, with what `createDomain` of `@userpci/iommu` can be asked. The caller owns it.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the backend can never do what is asked, `ERR_INVALID_ARGUMENT`,
   * `ERR_OUT_OF_RANGE` for an option that is none, `ERR_CLOSED`
   */
  createDomain(request?: DomainRequest & DomainOptions): IommuDomain;
  open(address: string, options?: OpenOptions): Promise<KernelDevice>;
  openSync(address: string, options?: OpenOptions): KernelDevice;
}
