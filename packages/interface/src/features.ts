import { formatValue } from "./check.ts";
import { PciError } from "./errors.ts";

/** Something that a device, its backend or the kernel may or may not be able to do. */
export interface OptionalFeature {
  /** What it is for. */
  readonly what: string;
  /** What would bring it where it is absent: kernel version, option, driver, hardware. */
  readonly brings: string;
}

/**
 * Every optional feature by name, with what would bring it. The versions are those of Linux in which `linux/vfio.h` and
 * `linux/iommufd.h` first had it.
 */
export const optionalFeatures = {
  reset: {
    what: "reset of the function alone",
    brings: "a function with a reset method (FLR, power management)",
  },
  "hot-reset": {
    what: "reset of the bus or slot with all functions on it",
    brings: "a function behind a port or slot whose bus can be reset, not one on the root bus",
  },
  "msix-resize": {
    what: "MSI-X vectors added while others are enabled",
    brings: "Linux 6.5 or later, on an interrupt domain with dynamic MSI-X",
  },
  "vf-token": {
    what: "the secret shared by the drivers of a physical function and of its virtual ones",
    brings:
      "Linux 5.7 or later, and a physical function whose virtual ones vfio-pci made (its parameter enable_sriov)",
  },
  "low-power": {
    what: "low power while the device is not used",
    brings: "Linux 6.1 or later with CONFIG_PM",
  },
  "low-power-wakeup": {
    what: "low power, with an event when the device leaves it",
    brings: "Linux 6.1 or later with CONFIG_PM",
  },
  migration: {
    what: "the device's state, saved and loaded",
    brings:
      "Linux 5.18 or later with a VFIO driver made for this device, such as mlx5_vfio_pci; over vfio-user, a model with save() and load()",
  },
  "migration-size": {
    what: "an estimate of how large the device's state is",
    brings:
      "Linux 6.2 or later with a VFIO driver made for this device, such as mlx5_vfio_pci; over vfio-user, a model with save() and load()",
  },
  "dma-logging": {
    what: "a log of the pages that the device wrote, kept by the device",
    brings: "Linux 6.1 or later with a VFIO driver made for this device, such as mlx5_vfio_pci",
  },
  "dma-buf": {
    what: "a BAR as a dma-buf, for other devices to reach",
    brings: "Linux 6.19 or later with CONFIG_VFIO_PCI_DMABUF",
  },
  "iommu-info": {
    what: "what the IOMMU in front of the device can do",
    brings: "vfioCdev() on Linux 6.6 or later with CONFIG_IOMMUFD and CONFIG_VFIO_DEVICE_CDEV",
  },
  "map-file": {
    what: "memory mapped for DMA by its file, without an address in this process",
    brings: "vfioCdev() on Linux 6.13 or later",
  },
  "dirty-tracking": {
    what: "a bitmap of the pages that devices wrote, kept by the IOMMU",
    brings:
      "vfioCdev() on Linux 6.7 or later, and an IOMMU with dirty bits (VT-d in scalable mode, AMD-Vi, SMMUv3)",
  },
  pasid: {
    what: "several address spaces for one device, told apart by PASID",
    brings: "vfioCdev() on Linux 6.15 or later, and a device and an IOMMU with PASID",
  },
  "fault-queue": {
    what: "page requests of the device, to be answered by this process",
    brings: "vfioCdev() on Linux 6.11 or later, and a device and an IOMMU with page requests",
  },
} as const satisfies Record<string, OptionalFeature>;

/** Name of one of {@link optionalFeatures}. */
export type FeatureName = keyof typeof optionalFeatures;

/** Whether a feature is there. */
export interface FeatureState extends OptionalFeature {
  readonly name: FeatureName;
  readonly supported: boolean;
}

/** Which of the {@link optionalFeatures} an open device has. Asking changes nothing. */
export interface DeviceFeatures {
  /** Whether the device, its backend and the kernel have it. @throws PciError `ERR_CLOSED`, `ERR_RESETTING` */
  has(name: FeatureName): boolean;
  /** @throws PciError `ERR_NOT_SUPPORTED` with what would bring it, `ERR_INVALID_ARGUMENT` for no feature's name */
  need(name: FeatureName): void;
  /** All of them. @throws PciError `ERR_CLOSED`, `ERR_RESETTING` */
  list(): readonly FeatureState[];
}

/**
 * The error for a feature that is not there.
 *
 * @param who whatever lacks it, such as a device's address
 */
export function featureMissing(name: FeatureName, who: string, cause?: unknown): PciError {
  const { what, brings } = optionalFeatures[name];
  return new PciError("ERR_NOT_SUPPORTED", `${who} does not have "${name}" here: ${what}`, {
    hint: `that takes ${brings}`,
    details: { feature: name },
    ...(cause !== undefined && { cause }),
  });
}

/**
 * Makes {@link DeviceFeatures} of a question.
 *
 * @param who whatever has the features, for messages
 * @param has answers for one feature
 */
export function deviceFeatures(who: string, has: (name: FeatureName) => boolean): DeviceFeatures {
  const ask = (name: FeatureName): boolean => {
    if (typeof name === "string" && Object.hasOwn(optionalFeatures, name)) return has(name);
    throw new PciError("ERR_INVALID_ARGUMENT", `no feature is called ${formatValue(name)}`, {
      hint: `one of ${Object.keys(optionalFeatures).join(", ")}`,
    });
  };
  return {
    has: ask,
    need(name) {
      if (!ask(name)) throw featureMissing(name, who);
    },
    list: () =>
      Object.entries(optionalFeatures).map(([key, feature]) => {
        const name = key as FeatureName;
        return { name, ...feature, supported: has(name) };
      }),
  };
}
