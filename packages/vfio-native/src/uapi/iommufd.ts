/**
 * The part of `include/uapi/linux/iommufd.h` that PCI drivers need: numbers, flags and structures. Numbers are facts of the
 * kernel's stable interface; the names are its own, without the `IOMMU_` in front.
 */
import { defineStruct } from "../struct.ts";

/** The number of a request: `_IO(';', n)`. */
export const requestOf = (number: number): number => (";".charCodeAt(0) << 8) | number;

/** Request numbers: `_IO(';', n)`, on `/dev/iommu`. */
export const iommufdRequest = {
  DESTROY: requestOf(0x80),
  IOAS_ALLOC: requestOf(0x81),
  IOAS_ALLOW_IOVAS: requestOf(0x82),
  IOAS_COPY: requestOf(0x83),
  IOAS_IOVA_RANGES: requestOf(0x84),
  IOAS_MAP: requestOf(0x85),
  IOAS_UNMAP: requestOf(0x86),
  OPTION: requestOf(0x87),
  HWPT_ALLOC: requestOf(0x89),
  GET_HW_INFO: requestOf(0x8a),
  HWPT_SET_DIRTY_TRACKING: requestOf(0x8b),
  HWPT_GET_DIRTY_BITMAP: requestOf(0x8c),
  FAULT_QUEUE_ALLOC: requestOf(0x8e),
  IOAS_MAP_FILE: requestOf(0x8f),
} as const;

/** `enum iommufd_ioas_map_flags`, as seen by the device. */
export const ioasMapFlag = { FIXED_IOVA: 1 << 0, WRITEABLE: 1 << 1, READABLE: 1 << 2 } as const;

/** `enum iommufd_option`. */
export const iommufdOption = { RLIMIT_MODE: 0, HUGE_PAGES: 1 } as const;

/** `enum iommufd_option_ops`. */
export const optionOperation = { SET: 0, GET: 1 } as const;

/** `enum iommufd_hwpt_alloc_flags`. */
export const hwptFlag = {
  NEST_PARENT: 1 << 0,
  DIRTY_TRACKING: 1 << 1,
  FAULT_ID_VALID: 1 << 2,
  PASID: 1 << 3,
} as const;

/** `enum iommu_hw_info_type`: who made the IOMMU, and so what its data mean. */
export const hwInfoType = {
  NONE: 0,
  INTEL_VTD: 1,
  ARM_SMMUV3: 2,
  TEGRA241_CMDQV: 3,
  AMD: 4,
} as const;

/** `enum iommufd_hw_capabilities`. */
export const hwCapability = {
  DIRTY_TRACKING: 1 << 0,
  PCI_PASID_EXEC: 1 << 1,
  PCI_PASID_PRIV: 1 << 2,
} as const;

/** Flags of `struct iommu_hwpt_set_dirty_tracking`. */
export const dirtyTrackingFlag = { ENABLE: 1 } as const;

/** Flags of `struct iommu_hwpt_get_dirty_bitmap`. */
export const dirtyBitmapFlag = { NO_CLEAR: 1 } as const;

/** `enum iommu_hwpt_pgfault_flags`. */
export const pageFaultFlag = { PASID_VALID: 1 << 0, LAST_PAGE: 1 << 1 } as const;

/** `enum iommu_hwpt_pgfault_perm`: what the device wanted to do. */
export const pageFaultPermission = { READ: 1 << 0, WRITE: 1 << 1, EXEC: 1 << 2, PRIV: 1 << 3 } as const;

/** `enum iommufd_page_response_code`. */
export const pageResponse = { SUCCESS: 0, INVALID: 1 } as const;

export const destroy = defineStruct("iommu_destroy", { size: "u32", id: "u32" });

export const ioasAlloc = defineStruct("iommu_ioas_alloc", { size: "u32", flags: "u32", out_ioas_id: "u32" });

export const iovaRange = defineStruct("iommu_iova_range", { start: "u64", last: "u64" });

export const ioasIovaRanges = defineStruct("iommu_ioas_iova_ranges", {
  size: "u32",
  ioas_id: "u32",
  num_iovas: "u32",
  __reserved: "u32",
  allowed_iovas: "u64",
  out_iova_alignment: "u64",
});

export const ioasAllowIovas = defineStruct("iommu_ioas_allow_iovas", {
  size: "u32",
  ioas_id: "u32",
  num_iovas: "u32",
  __reserved: "u32",
  allowed_iovas: "u64",
});

export const ioasMap = defineStruct("iommu_ioas_map", {
  size: "u32",
  flags: "u32",
  ioas_id: "u32",
  __reserved: "u32",
  user_va: "u64",
  length: "u64",
  iova: "u64",
});

export const ioasMapFile = defineStruct("iommu_ioas_map_file", {
  size: "u32",
  flags: "u32",
  ioas_id: "u32",
  fd: "s32",
  start: "u64",
  length: "u64",
  iova: "u64",
});

export const ioasCopy = defineStruct("iommu_ioas_copy", {
  size: "u32",
  flags: "u32",
  dst_ioas_id: "u32",
  src_ioas_id: "u32",
  length: "u64",
  dst_iova: "u64",
  src_iova: "u64",
});

export const ioasUnmap = defineStruct("iommu_ioas_unmap", {
  size: "u32",
  ioas_id: "u32",
  iova: "u64",
  length: "u64",
});

export const option = defineStruct("iommu_option", {
  size: "u32",
  option_id: "u32",
  op: "u16",
  __reserved: "u16",
  object_id: "u32",
  val64: "u64",
});

export const hwptAlloc = defineStruct("iommu_hwpt_alloc", {
  size: "u32",
  flags: "u32",
  dev_id: "u32",
  pt_id: "u32",
  out_hwpt_id: "u32",
  __reserved: "u32",
  data_type: "u32",
  data_len: "u32",
  data_uptr: "u64",
  fault_id: "u32",
  __reserved2: "u32",
});

export const hwInfo = defineStruct("iommu_hw_info", {
  size: "u32",
  flags: "u32",
  dev_id: "u32",
  data_len: "u32",
  data_uptr: "u64",
  out_data_type: "u32",
  out_max_pasid_log2: "u8",
  out_capabilities: "u64",
});

/** What the data of {@link hwInfo} are on Intel's IOMMU. */
export const hwInfoVtd = defineStruct("iommu_hw_info_vtd", {
  flags: "u32",
  __reserved: "u32",
  cap_reg: "u64",
  ecap_reg: "u64",
});

export const hwptSetDirtyTracking = defineStruct("iommu_hwpt_set_dirty_tracking", {
  size: "u32",
  flags: "u32",
  hwpt_id: "u32",
  __reserved: "u32",
});

export const hwptGetDirtyBitmap = defineStruct("iommu_hwpt_get_dirty_bitmap", {
  size: "u32",
  hwpt_id: "u32",
  flags: "u32",
  __reserved: "u32",
  iova: "u64",
  length: "u64",
  page_size: "u64",
  data: "u64",
});

export const faultAlloc = defineStruct("iommu_fault_alloc", {
  size: "u32",
  flags: "u32",
  out_fault_id: "u32",
  out_fault_fd: "u32",
});

export const pageFault = defineStruct("iommu_hwpt_pgfault", {
  flags: "u32",
  dev_id: "u32",
  pasid: "u32",
  grpid: "u32",
  perm: "u32",
  __reserved: "u32",
  addr: "u64",
  length: "u32",
  cookie: "u32",
});

export const pageFaultResponse = defineStruct("iommu_hwpt_page_response", { cookie: "u32", code: "u32" });
