/**
 * Own a PCI device from TypeScript. `openDevice` gives a {@link PciDevice} with `.config`, `.bar(n)`, `.dma` and `.irqs`.
 *
 * @packageDocumentation
 */
export * from "@userpci/dma";
export * from "@userpci/interface";
export { createDomain, type DomainOptions } from "@userpci/iommu";
export * from "@userpci/irq";
export { type ConfigSpace, configOf } from "@userpci/pci-config";
export { findFunction, findFunctions, listFunctions, type PciFunction } from "@userpci/sysfs";
export {
  adoptDomain,
  type DomainReceiver,
  receiveDomain,
  sendDomain,
  type TransferOptions,
  vfioCdev,
  vfioGroup,
} from "@userpci/vfio-native";
export { type ClientOptions, vfioUser } from "@userpci/vfio-user/client";
export { adoptPool, adoptRing } from "./adopt-elements.ts";
export { adoptVector } from "./adopt-vector.ts";
export { Bar } from "./bar.ts";
export { defaultBackend } from "./default-backend.ts";
export { PciDevice } from "./device.ts";
export type { CountedError, DeviceErrorReport, ErrorListener, RecordedError } from "./error-watch.ts";
export { type DeviceOptions, openDevice, openDeviceSync } from "./open.ts";
export {
  RELEASE_GRACE_MS,
  type ReleaseListener,
  type ReleasePolicy,
  type ReleaseRequest,
  releasePolicies,
} from "./release.ts";
