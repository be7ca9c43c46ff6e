import {
  type AccessGate,
  checkInteger,
  type DeviceFeatures,
  deviceFeatures,
  type FeatureName,
  type FeatureOperation,
  featureMissing,
  PciError,
} from "@userpci/interface";
import type { EmulatedFunction } from "./function.ts";

/** Which of the optional features an emulated function has; those that are not here it never has. */
const probes: Partial<Readonly<Record<FeatureName, (fn: EmulatedFunction) => boolean>>> = {
  reset: ({ resettable }) => resettable,
  "hot-reset": ({ group }) => group.bus,
  "msix-resize": ({ hosted }) => hosted.irqInfo("msix").resizable,
  "dirty-tracking": () => true,
};

/** See `BackendDevice.features`. */
export function emulatedFeatures(fn: EmulatedFunction, access: AccessGate): DeviceFeatures {
  return deviceFeatures(fn.address, (name) => {
    access.assertUsable();
    return probes[name]?.(fn) ?? false;
  });
}

/** Names of the kernel's features by index (`VFIO_DEVICE_FEATURE_*` in `linux/vfio.h`), in its order; 10 has none here. */
const names: readonly (FeatureName | undefined)[] = [
  "vf-token",
  "migration",
  "migration",
  "low-power",
  "low-power-wakeup",
  "low-power",
  "dma-logging",
  "dma-logging",
  "dma-logging",
  "migration-size",
  undefined,
  "dma-buf",
];

const operations: readonly FeatureOperation[] = ["probe", "get", "set"];

/**
 * The answer to one of the kernel's features: there are none here. Most are answered by descriptors of the system; the state of
 * a model is `EmulatedFunction.hosted.migration`.
 *
 * @throws PciError always
 */
export function useFeature({ address }: EmulatedFunction, operation: FeatureOperation, index: number): never {
  checkInteger("the feature's index", index, 0, 0xffff);
  if (!operations.includes(operation)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `a feature has no operation ${String(operation)}`, {
      hint: `one of ${operations.join(", ")}`,
    });
  }
  const name = names[index];
  if (name !== undefined) throw featureMissing(name, address);
  throw new PciError("ERR_NOT_SUPPORTED", `${address} has no feature ${index} that one can ${operation}`, {
    hint: "emulated devices have none of the kernel's features",
  });
}
