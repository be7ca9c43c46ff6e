import { type DeviceFeatures, deviceFeatures, type FeatureName } from "@userpci/interface";
import type { CdevBinding } from "./cdev.ts";
import type { DeviceAccess } from "./device-access.ts";
import { hasFeature } from "./feature.ts";
import { hotResetPossible } from "./hot-reset.ts";
import { iommuHardware } from "./iommu-hardware.ts";
import type { IommufdRequest } from "./iommufd.ts";
import type { IrqControl } from "./irq-control.ts";
import * as uapi from "./uapi/vfio.ts";

/** What the questions are asked of. */
export interface FeatureParts {
  readonly access: DeviceAccess;
  readonly irqs: IrqControl;
  readonly resettable: boolean;
  readonly binding?: CdevBinding;
}

type Probe = (parts: FeatureParts) => boolean;

const { feature } = uapi;

/** Whether the kernel's `VFIO_DEVICE_FEATURE` has an index, in every direction that is used. */
const byIndex =
  (index: number, ...operations: ("get" | "set")[]): Probe =>
  ({ access }) =>
    operations.every((operation) => hasFeature(access, operation, index));

/** Whether the iommufd knows a request. */
const byRequest =
  (name: IommufdRequest): Probe =>
  ({ binding }) =>
    binding?.iommufd.knows(name) ?? false;

/** How each feature is found out. */
const probes: Readonly<Record<FeatureName, Probe>> = {
  reset: ({ resettable }) => resettable,
  "hot-reset": ({ access }) => hotResetPossible(access),
  "msix-resize": ({ irqs }) => irqs.info("msix").count > 0 && irqs.info("msix").resizable,
  "vf-token": byIndex(feature.PCI_VF_TOKEN, "set"),
  "low-power": byIndex(feature.LOW_POWER_ENTRY, "set"),
  "low-power-wakeup": byIndex(feature.LOW_POWER_ENTRY_WITH_WAKEUP, "set"),
  migration: byIndex(feature.MIG_DEVICE_STATE, "get", "set"),
  "migration-size": byIndex(feature.MIG_DATA_SIZE, "get"),
  "dma-logging": byIndex(feature.DMA_LOGGING_START, "set"),
  "dma-buf": byIndex(feature.DMA_BUF, "get"),
  "iommu-info": byRequest("GET_HW_INFO"),
  "map-file": byRequest("IOAS_MAP_FILE"),
  "dirty-tracking": ({ binding }) => binding !== undefined && iommuHardware(binding).dirtyTracking,
  pasid: ({ binding }) => binding !== undefined && iommuHardware(binding).pasidBits > 0,
  "fault-queue": byRequest("FAULT_QUEUE_ALLOC"),
};

/** The optional features of a device by VFIO. */
export function probeFeatures(parts: FeatureParts): DeviceFeatures {
  return deviceFeatures(parts.access.address, (name) => {
    parts.access.assertUsable();
    return probes[name](parts);
  });
}
