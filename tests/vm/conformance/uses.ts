import type { FeatureUse } from "@userpci/conformance";
import type { BackendDevice, FeatureName } from "@userpci/interface";
import type { KernelDevice } from "@userpci/vfio-native";

const TOKEN = "14d63f20-8445-11ea-8900-1f9ce7d5650d";
const PAGE = { start: 0n, last: 4095n };

/** A use of what the kernel's devices have, of a device that is one. */
const by =
  (use: (device: KernelDevice) => unknown): FeatureUse =>
  (device: BackendDevice) =>
    use(device as KernelDevice);

/** Every way to use what devices on the kernel's VFIO may lack. */
export const kernelUses: Partial<Readonly<Record<FeatureName, readonly FeatureUse[]>>> = {
  "vf-token": [by(({ features }) => features.setVfToken(TOKEN))],
  migration: [
    by(({ features }) => features.migration.state()),
    by(({ features }) => features.migration.abilities()),
    by(({ features }) => features.migration.go("STOP")),
  ],
  "migration-size": [by(({ features }) => features.migration.size())],
  "low-power": [
    by(({ features }) => features.lowPower.enter()),
    by(({ features }) => features.lowPower.exit()),
  ],
  "dma-buf": [by(({ features }) => features.exportDmaBuf(0, { offset: 0, size: 4096 }))],
  "dma-logging": [
    by(({ features }) => features.dmaLog.start([PAGE])),
    by(({ features }) => features.dmaLog.stop()),
    by(({ features }) => features.dmaLog.read(PAGE)),
  ],
};

/** And what only iommufd has a way to use. */
export const iommufdUses: typeof kernelUses = {
  ...kernelUses,
  "dirty-tracking": [
    by(({ iommu }) => iommu!.createPageTable({ dirtyTracking: true })),
    by(({ iommu }) => iommu!.ioas.setDirtyTracking(true)),
    by(({ iommu }) => iommu!.ioas.readDirty(PAGE)),
  ],
  "iommu-info": [by(({ iommu }) => iommu!.hardware())],
  "fault-queue": [by(({ iommu }) => iommu!.createFaultQueue())],
  pasid: [by(({ iommu }) => iommu!.attachPasid(5, iommu!.ioas)), by(({ iommu }) => iommu!.detachPasid(5))],
};
