/**
 * The part of `include/uapi/linux/vfio.h` that PCI functions need: numbers, flags and structures. Numbers are facts of
 * the kernel's stable interface; the names are its own, without the `VFIO_` in front.
 */
import { defineStruct } from "../struct.ts";

const ioctlOf = (number: number): number => (";".charCodeAt(0) << 8) | (100 + number);

/** Request numbers: `_IO(';', 100 + n)`. Several are used on different kinds of descriptor. */
export const request = {
  GET_API_VERSION: ioctlOf(0),
  CHECK_EXTENSION: ioctlOf(1),
  SET_IOMMU: ioctlOf(2),
  GROUP_GET_STATUS: ioctlOf(3),
  GROUP_SET_CONTAINER: ioctlOf(4),
  GROUP_UNSET_CONTAINER: ioctlOf(5),
  GROUP_GET_DEVICE_FD: ioctlOf(6),
  DEVICE_GET_INFO: ioctlOf(7),
  DEVICE_GET_REGION_INFO: ioctlOf(8),
  DEVICE_GET_IRQ_INFO: ioctlOf(9),
  DEVICE_SET_IRQS: ioctlOf(10),
  DEVICE_RESET: ioctlOf(11),
  DEVICE_GET_PCI_HOT_RESET_INFO: ioctlOf(12),
  DEVICE_PCI_HOT_RESET: ioctlOf(13),
  DEVICE_FEATURE: ioctlOf(17),
  DEVICE_BIND_IOMMUFD: ioctlOf(18),
  DEVICE_ATTACH_IOMMUFD_PT: ioctlOf(19),
  DEVICE_DETACH_IOMMUFD_PT: ioctlOf(20),
  IOMMU_GET_INFO: ioctlOf(12),
  IOMMU_MAP_DMA: ioctlOf(13),
  IOMMU_UNMAP_DMA: ioctlOf(14),
  IOMMU_DIRTY_PAGES: ioctlOf(17),
} as const;

/** The API version every kernel since 3.6 answers. */
export const API_VERSION = 0;

/** Arguments of `CHECK_EXTENSION` and `SET_IOMMU`. */
export const extension = { TYPE1v2_IOMMU: 3 } as const;

/** `struct vfio_group_status` flags. */
export const groupFlag = { VIABLE: 1 << 0, CONTAINER_SET: 1 << 1 } as const;

/** `struct vfio_device_info` flags. */
export const deviceFlag = { RESET: 1 << 0, PCI: 1 << 1, CAPS: 1 << 7 } as const;

/** `struct vfio_region_info` flags. */
export const regionFlag = { READ: 1 << 0, WRITE: 1 << 1, MMAP: 1 << 2, CAPS: 1 << 3 } as const;

/** Ids of capabilities behind `struct vfio_region_info`. */
export const regionCapability = { SPARSE_MMAP: 1, TYPE: 2, MSIX_MAPPABLE: 3 } as const;

/** `struct vfio_irq_info` flags. */
export const irqFlag = { EVENTFD: 1 << 0, MASKABLE: 1 << 1, AUTOMASKED: 1 << 2, NORESIZE: 1 << 3 } as const;

/** `struct vfio_irq_set` flags: one kind of data and one action. */
export const irqSet = {
  DATA_NONE: 1 << 0,
  DATA_BOOL: 1 << 1,
  DATA_EVENTFD: 1 << 2,
  ACTION_MASK: 1 << 3,
  ACTION_UNMASK: 1 << 4,
  ACTION_TRIGGER: 1 << 5,
} as const;

/** `struct vfio_pci_hot_reset_info` flags: functions are named by their ids in an iommufd, instead of their groups. */
export const hotResetFlag = { DEV_ID: 1 << 0, DEV_ID_OWNED: 1 << 1 } as const;

/** `VFIO_PCI_DEVID_NOT_OWNED`, as the unsigned number that stands in `group_id`. */
export const HOT_RESET_NOT_OWNED = 0xffff_ffff;

/** `struct vfio_device_feature` flags beside the 16-bit index. */
export const featureFlag = { GET: 1 << 16, SET: 1 << 17, PROBE: 1 << 18 } as const;

/** `struct vfio_device_bind_iommufd` flags. */
export const bindFlag = { TOKEN: 1 << 0 } as const;

/** `struct vfio_device_attach_iommufd_pt` flags, and those of its counterpart. */
export const attachFlag = { PASID: 1 << 0 } as const;

/** Indexes of optional features, of which getting a dma-buf opens a descriptor. */
export const feature = {
  PCI_VF_TOKEN: 0,
  MIGRATION: 1,
  MIG_DEVICE_STATE: 2,
  LOW_POWER_ENTRY: 3,
  LOW_POWER_ENTRY_WITH_WAKEUP: 4,
  LOW_POWER_EXIT: 5,
  DMA_LOGGING_START: 6,
  DMA_LOGGING_STOP: 7,
  DMA_LOGGING_REPORT: 8,
  MIG_DATA_SIZE: 9,
  DMA_BUF: 11,
} as const;

/** `struct vfio_device_feature_migration` flags. */
export const migrationFlag = { STOP_COPY: 1 << 0, P2P: 1 << 1, PRE_COPY: 1 << 2 } as const;

/** `enum vfio_device_mig_state`. */
export const migrationState = {
  ERROR: 0,
  STOP: 1,
  RUNNING: 2,
  STOP_COPY: 3,
  RESUMING: 4,
  RUNNING_P2P: 5,
  PRE_COPY: 6,
  PRE_COPY_P2P: 7,
} as const;

/** `struct vfio_iommu_type1_info` flags. */
export const iommuInfoFlag = { PGSIZES: 1 << 0, CAPS: 1 << 1 } as const;

/** Ids of capabilities behind `struct vfio_iommu_type1_info`. */
export const iommuCapability = { IOVA_RANGE: 1, MIGRATION: 2, DMA_AVAIL: 3 } as const;

/** `struct vfio_iommu_type1_dirty_bitmap` flags: what to do. */
export const dirtyPagesFlag = { START: 1 << 0, STOP: 1 << 1, GET_BITMAP: 1 << 2 } as const;

/** `struct vfio_iommu_type1_dma_map` flags, as seen by the device. */
export const mapFlag = { READ: 1 << 0, WRITE: 1 << 1 } as const;

/** Before every capability behind an information structure; `next` is the offset of the next one, 0 in the last. */
export const infoCapHeader = defineStruct("vfio_info_cap_header", { id: "u16", version: "u16", next: "u32" });

/** Of `VFIO_GROUP_GET_STATUS`. */
export const groupStatus = defineStruct("vfio_group_status", { argsz: "u32", flags: "u32" });

/** Of `VFIO_DEVICE_GET_INFO`. */
export const deviceInfo = defineStruct("vfio_device_info", {
  argsz: "u32",
  flags: "u32",
  num_regions: "u32",
  num_irqs: "u32",
  cap_offset: "u32",
});

/** Of `VFIO_DEVICE_GET_REGION_INFO`. */
export const regionInfo = defineStruct("vfio_region_info", {
  argsz: "u32",
  flags: "u32",
  index: "u32",
  cap_offset: "u32",
  size: "u64",
  offset: "u64",
});

/** The capability `SPARSE_MMAP`, with its {@link infoCapHeader}; `nr_areas` of {@link sparseArea} follow. */
export const sparseMmap = defineStruct("vfio_region_info_cap_sparse_mmap", {
  id: "u16",
  version: "u16",
  next: "u32",
  nr_areas: "u32",
  reserved: "u32",
});

/** One of `nr_areas` entries behind {@link sparseMmap}: what may be mapped, in bytes from the start of the region. */
export const sparseArea = defineStruct("vfio_region_sparse_mmap_area", { offset: "u64", size: "u64" });

/** Of `VFIO_DEVICE_GET_IRQ_INFO`. */
export const irqInfo = defineStruct("vfio_irq_info", {
  argsz: "u32",
  flags: "u32",
  index: "u32",
  count: "u32",
});

/** Of `VFIO_DEVICE_SET_IRQS`; booleans or descriptors follow. */
export const irqSetHeader = defineStruct("vfio_irq_set", {
  argsz: "u32",
  flags: "u32",
  index: "u32",
  start: "u32",
  count: "u32",
});

/** Of `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`; `count` of {@link dependentDevice} follow. */
export const hotResetInfo = defineStruct("vfio_pci_hot_reset_info", {
  argsz: "u32",
  flags: "u32",
  count: "u32",
});

/** A function that is reset together with the device. */
export const dependentDevice = defineStruct("vfio_pci_dependent_device", {
  group_id: "u32",
  segment: "u16",
  bus: "u8",
  devfn: "u8",
});

/** Of `VFIO_DEVICE_PCI_HOT_RESET`; `count` descriptors of groups follow. */
export const hotReset = defineStruct("vfio_pci_hot_reset", { argsz: "u32", flags: "u32", count: "u32" });

/** Of `VFIO_DEVICE_FEATURE`; the data of the feature follow. */
export const deviceFeature = defineStruct("vfio_device_feature", { argsz: "u32", flags: "u32" });

/** Data of the feature `LOW_POWER_ENTRY_WITH_WAKEUP`. */
export const lowPowerEntryWithWakeup = defineStruct("vfio_device_low_power_entry_with_wakeup", {
  wakeup_eventfd: "s32",
  reserved: "u32",
});

/** Data of the feature `DMA_LOGGING_START`; `ranges` is the address of `num_ranges` of {@link dmaLoggingRange}. */
export const dmaLoggingControl = defineStruct("vfio_device_feature_dma_logging_control", {
  page_size: "u64",
  num_ranges: "u32",
  __reserved: "u32",
  ranges: "u64",
});

/** Addresses whose writes are logged. */
export const dmaLoggingRange = defineStruct("vfio_device_feature_dma_logging_range", {
  iova: "u64",
  length: "u64",
});

/** Data of the feature `DMA_LOGGING_REPORT`; `bitmap` is an address, one bit a page. */
export const dmaLoggingReport = defineStruct("vfio_device_feature_dma_logging_report", {
  iova: "u64",
  length: "u64",
  page_size: "u64",
  bitmap: "u64",
});

/** Data of the feature `DMA_BUF`; `nr_ranges` of {@link dmaBufRange} follow. */
export const dmaBuf = defineStruct("vfio_device_feature_dma_buf", {
  region_index: "u32",
  open_flags: "u32",
  flags: "u32",
  nr_ranges: "u32",
});

/** A part of a region that a dma-buf shares, in bytes. */
export const dmaBufRange = defineStruct("vfio_region_dma_range", { offset: "u64", length: "u64" });

/** Data of the feature `MIGRATION`: flags of what the device can do. */
export const migrationInfo = defineStruct("vfio_device_feature_migration", { flags: "u64" });

/** Data of the feature `MIG_DEVICE_STATE`. */
export const migrationDeviceState = defineStruct("vfio_device_feature_mig_state", {
  device_state: "u32",
  data_fd: "s32",
});

/** Data of the feature `MIG_DATA_SIZE`: an estimate in bytes. */
export const migrationDataSize = defineStruct("vfio_device_feature_mig_data_size", {
  stop_copy_length: "u64",
});

/** Of `VFIO_DEVICE_BIND_IOMMUFD`. */
export const bindIommufd = defineStruct("vfio_device_bind_iommufd", {
  argsz: "u32",
  flags: "u32",
  iommufd: "s32",
  out_devid: "u32",
  token_uuid_ptr: "u64",
});

/** Of `VFIO_DEVICE_ATTACH_IOMMUFD_PT`. */
export const attachPageTable = defineStruct("vfio_device_attach_iommufd_pt", {
  argsz: "u32",
  flags: "u32",
  pt_id: "u32",
  pasid: "u32",
});

/** Of `VFIO_DEVICE_DETACH_IOMMUFD_PT`. */
export const detachPageTable = defineStruct("vfio_device_detach_iommufd_pt", {
  argsz: "u32",
  flags: "u32",
  pasid: "u32",
});

/** Of `VFIO_IOMMU_GET_INFO`. */
export const iommuInfo = defineStruct("vfio_iommu_type1_info", {
  argsz: "u32",
  flags: "u32",
  iova_pgsizes: "u64",
  cap_offset: "u32",
});

/** The capability `IOVA_RANGE`, with its {@link infoCapHeader}; `nr_iovas` of {@link iovaRange} follow. */
export const iovaRangeCap = defineStruct("vfio_iommu_type1_info_cap_iova_range", {
  id: "u16",
  version: "u16",
  next: "u32",
  nr_iovas: "u32",
  reserved: "u32",
});

/** Addresses that can be mapped, `end` among them. */
export const iovaRange = defineStruct("vfio_iova_range", { start: "u64", end: "u64" });

/** The capability `DMA_AVAIL`, with its {@link infoCapHeader}: how many more mappings there may be. */
export const dmaAvail = defineStruct("vfio_iommu_type1_info_dma_avail", {
  id: "u16",
  version: "u16",
  next: "u32",
  avail: "u32",
});

/** Of `VFIO_IOMMU_DIRTY_PAGES`; to get the bitmap, {@link dirtyBitmapGet} and {@link bitmap} follow. */
export const dirtyBitmap = defineStruct("vfio_iommu_type1_dirty_bitmap", { argsz: "u32", flags: "u32" });

/** Of `struct vfio_iommu_type1_dirty_bitmap_get` what is before its `bitmap`. */
export const dirtyBitmapGet = defineStruct("vfio_iommu_type1_dirty_bitmap_get", { iova: "u64", size: "u64" });

/** Where a bitmap is: `data` is its address, `size` its length in bytes, `pgsize` the bytes that one bit stands for. */
export const bitmap = defineStruct("vfio_bitmap", { pgsize: "u64", size: "u64", data: "u64" });

/** Of `VFIO_IOMMU_MAP_DMA`; `vaddr` is the memory, in this process. */
export const dmaMap = defineStruct("vfio_iommu_type1_dma_map", {
  argsz: "u32",
  flags: "u32",
  vaddr: "u64",
  iova: "u64",
  size: "u64",
});

/** Of `VFIO_IOMMU_UNMAP_DMA`. */
export const dmaUnmap = defineStruct("vfio_iommu_type1_dma_unmap", {
  argsz: "u32",
  flags: "u32",
  iova: "u64",
  size: "u64",
});
