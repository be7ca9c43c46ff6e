import {
  checkInteger,
  type FeatureName,
  type FeatureOperation,
  featureMissing,
  isPciError,
  optionalFeatures,
  PciError,
} from "@userpci/interface";
import type { DeviceAccess } from "./device-access.ts";
import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import * as uapi from "./uapi/vfio.ts";

/** Node has no name for it; the number is the same on x86 and ARM (`asm-generic/fcntl.h`). */
const O_CLOEXEC = 0o2000000;
const { PROBE, GET, SET } = uapi.featureFlag;
const operationFlags: Readonly<Record<FeatureOperation, number>> = { probe: PROBE, get: GET, set: SET };

/**
 * One operation on an optional feature (`VFIO_DEVICE_FEATURE`); see `BackendDevice.feature`.
 *
 * @throws PciError `ERR_NOT_SUPPORTED`, `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, or the system's code
 */
export function useFeature(
  access: DeviceAccess,
  operation: FeatureOperation,
  index: number,
  data: Uint8Array,
): number {
  checkInteger("the feature's index", index, 0, 0xffff);
  if (!Object.hasOwn(operationFlags, operation)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `a feature has no operation ${String(operation)}`, {
      hint: `one of ${Object.keys(operationFlags).join(", ")}`,
    });
  }
  const header = uapi.deviceFeature.size;
  const flags = operationFlags[operation] | index;
  const bytes = uapi.deviceFeature.pack({ argsz: header + data.length, flags }, data.length);
  bytes.set(data, header);
  // The caller's descriptor, so none of the addon's ledger: closed by its number, it would be counted for ever.
  if (operation === "get" && index === uapi.feature.DMA_BUF) closeOnExec(bytes.subarray(header));
  const result = access.native.ioctl(access.fd, uapi.request.DEVICE_FEATURE, bytes);
  if (result < 0) throw featureError(access, operation, index, result);
  // Also of what was set: the kernel answers there, with a descriptor or a page size.
  if (operation !== "probe") data.set(bytes.subarray(header));
  return result;
}

/** Has the kernel open a dma-buf close-on-exec, whatever was asked for. */
function closeOnExec(data: Uint8Array): void {
  if (data.length < uapi.dmaBuf.size) return;
  const { open_flags } = uapi.dmaBuf.read(data);
  uapi.dmaBuf.write(data, { open_flags: (open_flags | O_CLOEXEC) >>> 0 });
}

/**
 * {@link useFeature} of a feature that has a name: absent, it is refused with what would bring it.
 *
 * @param data read by `set`, filled in place by `get`
 */
export function useNamedFeature(
  access: DeviceAccess,
  name: FeatureName,
  operation: "get" | "set",
  index: number,
  data: Uint8Array = new Uint8Array(0),
): number {
  access.assertUsable();
  try {
    return useFeature(access, operation, index, data);
  } catch (error) {
    if (isPciError(error, "ERR_NOT_SUPPORTED")) throw featureMissing(name, access.address, error);
    throw error;
  }
}

/** Names of what the indexes are for, for {@link featureMissing}. */
const names: Readonly<Partial<Record<number, FeatureName>>> = {
  [uapi.feature.PCI_VF_TOKEN]: "vf-token",
  [uapi.feature.MIGRATION]: "migration",
  [uapi.feature.MIG_DEVICE_STATE]: "migration",
  [uapi.feature.LOW_POWER_ENTRY]: "low-power",
  [uapi.feature.LOW_POWER_ENTRY_WITH_WAKEUP]: "low-power-wakeup",
  [uapi.feature.LOW_POWER_EXIT]: "low-power",
  [uapi.feature.DMA_LOGGING_START]: "dma-logging",
  [uapi.feature.DMA_LOGGING_STOP]: "dma-logging",
  [uapi.feature.DMA_LOGGING_REPORT]: "dma-logging",
  [uapi.feature.MIG_DATA_SIZE]: "migration-size",
  [uapi.feature.DMA_BUF]: "dma-buf",
};

/** What would bring a feature, by its index. */
function bringing(index: number): string {
  const name = names[index];
  return name === undefined
    ? "the kernel's driver for this device, or a newer kernel, would have to bring it"
    : `that takes ${optionalFeatures[name].brings}`;
}

function featureError(
  access: DeviceAccess,
  operation: FeatureOperation,
  index: number,
  result: number,
): PciError {
  const absent = failedWith(result, "ENOTTY") || !hasFeature(access, operation, index);
  return systemError(result, "ioctl VFIO_DEVICE_FEATURE", {
    ...(absent && {
      code: "ERR_NOT_SUPPORTED",
      hint: bringing(index),
    }),
    message: absent
      ? `${access.address} has no feature ${index} that one can ${operation}`
      : `${operation} of feature ${index} of ${access.address}`,
  });
}

/** Whether a feature has an operation. The kernel answers EINVAL both for one it lacks and for data that make no sense. */
export function hasFeature(
  { native, fd }: DeviceAccess,
  operation: FeatureOperation,
  index: number,
): boolean {
  const flags = PROBE | operationFlags[operation] | index;
  const bytes = uapi.deviceFeature.pack({ argsz: uapi.deviceFeature.size, flags });
  return native.ioctl(fd, uapi.request.DEVICE_FEATURE, bytes) >= 0;
}
