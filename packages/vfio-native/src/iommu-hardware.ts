import type { CdevBinding } from "./cdev.ts";
import { systemError } from "./errno.ts";
import { failedWith } from "./ioctl.ts";
import * as uapi from "./uapi/iommufd.ts";

/** Makers of IOMMUs, by the kernel's number for their data. */
const kinds = new Map<number, IommuHardware["kind"]>([
  [uapi.hwInfoType.INTEL_VTD, "intel-vtd"],
  [uapi.hwInfoType.ARM_SMMUV3, "arm-smmuv3"],
  [uapi.hwInfoType.TEGRA241_CMDQV, "tegra241-cmdqv"],
  [uapi.hwInfoType.AMD, "amd"],
]);

/** What the IOMMU in front of a device says of itself (`IOMMU_GET_HW_INFO`). */
export interface IommuHardware {
  /** What the data are; `unknown` where its driver gives none. */
  readonly kind: "intel-vtd" | "arm-smmuv3" | "tegra241-cmdqv" | "amd" | "unknown";
  /** Registers in the kernel's structure for this kind, such as `struct iommu_hw_info_vtd`. */
  readonly data: Uint8Array;
  /** Whether its page tables have dirty bits. */
  readonly dirtyTracking: boolean;
  /** Bits of a PASID that the device may use; 0 without PASID. */
  readonly pasidBits: number;
}

/** More than any kind has. */
const ROOM = 256;

/** Asks for it. Before Linux 6.6, where the kernel does not tell, everything is absent. @throws PciError with the system's code */
export function iommuHardware({ iommufd, deviceId }: CdevBinding): IommuHardware {
  const data = new Uint8Array(new ArrayBuffer(ROOM));
  const bytes = uapi.hwInfo.pack({
    size: uapi.hwInfo.size,
    dev_id: deviceId,
    data_len: ROOM,
    data_uptr: BigInt(iommufd.native.addressOf(data)),
  });
  const result = iommufd.attempt("GET_HW_INFO", bytes);
  if (failedWith(result, "ENOTTY")) {
    return { kind: "unknown", data: new Uint8Array(0), dirtyTracking: false, pasidBits: 0 };
  }
  if (result < 0) throw systemError(result, "ioctl IOMMU_GET_HW_INFO");
  const info = uapi.hwInfo.read(bytes);
  const capabilities = BigInt(uapi.hwCapability.DIRTY_TRACKING);
  return {
    kind: kinds.get(info.out_data_type) ?? "unknown",
    data: data.slice(0, Math.min(info.data_len, ROOM)),
    dirtyTracking: (info.out_capabilities & capabilities) !== 0n,
    pasidBits: info.out_max_pasid_log2,
  };
}
