/**
 * The structures behind a message's header (vfio-user specification, QEMU `docs/interop/vfio-user.rst`). Where they are the
 * kernel's own, they are the same tables.
 */
import { defineStruct, uapi } from "@userpci/vfio-native/structures";

/** What every message begins with; see `readHeader`. */
export const messageHeader = defineStruct("vfio_user_header", {
  id: "u16",
  command: "u16",
  size: "u32",
  flags: "u32",
  errno: "u32",
});

/** The fixed part; JSON and a NUL follow. */
export const version = defineStruct("vfio_user_version", { major: "u16", minor: "u16" });

/** `offset` is into the descriptor that comes along; `address` is the device's. */
export const dmaMap = defineStruct("vfio_user_dma_map", {
  argsz: "u32",
  flags: "u32",
  offset: "u64",
  address: "u64",
  size: "u64",
});

/** `address` and `size` are 0 for all maps; the reply has the same. */
export const dmaUnmap = defineStruct("vfio_user_dma_unmap", {
  argsz: "u32",
  flags: "u32",
  address: "u64",
  size: "u64",
});

/** Without the kernel's `cap_offset`. */
export const deviceInfo = defineStruct("vfio_user_device_info", {
  argsz: "u32",
  flags: "u32",
  num_regions: "u32",
  num_irqs: "u32",
});

/** Of REGION_GET_INFO, with capabilities behind it; see `decodeRegionInfo`. */
export const regionInfo = uapi.regionInfo;
/** The capability of areas that can be mapped; `nr_areas` of {@link sparseArea} follow. */
export const sparseMmap = uapi.sparseMmap;
/** An area of a region, in bytes. */
export const sparseArea = uapi.sparseArea;
/** Of IRQ_GET_INFO. */
export const irqInfo = uapi.irqInfo;
/** Of DEVICE_FEATURE: flags are an index of {@link feature} and what to do of {@link featureFlag}; the feature's own data follow. */
export const deviceFeature = uapi.deviceFeature;
/** Booleans, one byte a vector, follow for `DATA_BOOL`; the descriptors of `DATA_EVENTFD` come with the message. */
export const irqSet = uapi.irqSetHeader;

/** Of REGION_GET_IO_FDS; `count` of {@link regionIoFd} follow in the reply. */
export const regionIoFds = defineStruct("vfio_user_region_io_fds", {
  argsz: "u32",
  flags: "u32",
  index: "u32",
  count: "u32",
});

/** One of `count` entries behind {@link regionIoFds}: an ioeventfd (type 0) or an ioregionfd (type 1). */
export const regionIoFd = defineStruct("vfio_user_sub_region_io_fd", {
  offset: "u64",
  size: "u64",
  fd_index: "u32",
  type: "u32",
  flags: "u32",
  reserved: "u32",
  /** Of an ioeventfd: what must be written; of an ioregionfd: what it is told. */
  datamatch: "u64",
});

/** Of REGION_READ and REGION_WRITE; `count` bytes follow where data is carried. */
export const regionAccess = defineStruct("vfio_user_region_access", {
  offset: "u64",
  region: "u32",
  count: "u32",
});

/** Of DMA_READ and DMA_WRITE; `count` bytes follow where data is carried. */
export const dmaAccess = defineStruct("vfio_user_dma_access", { address: "u64", count: "u64" });

/** `count` entries follow; the reply says how many of them were done. */
export const writeMulti = defineStruct("vfio_user_write_multi", { count: "u64" });

/** One write of {@link writeMulti}: the low `count` (1 to 8) bytes of `data`. */
export const multiWrite = defineStruct("vfio_user_write_multi_entry", {
  offset: "u64",
  region: "u32",
  count: "u32",
  data: "u64",
});

/** Of MIG_DATA_READ and MIG_DATA_WRITE; `size` bytes follow where data is carried. */
export const migrationData = defineStruct("vfio_user_mig_data", { argsz: "u32", size: "u32" });

/** Data of the feature `MIG_DEVICE_STATE`; no descriptor travels, so `fd` says nothing. */
export const migrationState = defineStruct("vfio_user_mig_state", { state: "u32", fd: "u32" });

/** Data of the feature `MIGRATION`. */
export const migrationInfo = uapi.migrationInfo;

/** Data of the feature `DMA_LOGGING_START`; `num_ranges` of {@link dmaLoggingRange} follow. */
export const dmaLoggingStart = defineStruct("vfio_user_dma_logging_control", {
  page_size: "u64",
  num_ranges: "u32",
  reserved: "u32",
});

/** Addresses of which writes are noted. */
export const dmaLoggingRange = uapi.dmaLoggingRange;

/** Data of the feature `DMA_LOGGING_REPORT`; the bitmap follows in the reply, one bit a page. */
export const dmaLoggingReport = defineStruct("vfio_user_dma_logging_report", {
  iova: "u64",
  length: "u64",
  page_size: "u64",
});

/** Of DMA_MAP, as the device sees the memory. */
export const dmaMapFlag = { READ: 1 << 0, WRITE: 1 << 1 } as const;

/** Of DMA_UNMAP: a bitmap of written pages is wanted (no longer in the specification); all maps go. */
export const dmaUnmapFlag = { GET_DIRTY: 1 << 0, ALL: 1 << 1 } as const;

/** Flags of {@link deviceInfo}. */
export const deviceFlag = uapi.deviceFlag;
/** Flags of {@link regionInfo}. */
export const regionFlag = uapi.regionFlag;
/** Ids of capabilities behind {@link regionInfo}. */
export const regionCapability = uapi.regionCapability;
/** Flags of {@link irqInfo}. */
export const irqFlag = uapi.irqFlag;
/** Flags of {@link irqSet}: one kind of data and one action. */
export const irqSetFlag = uapi.irqSet;
/** Indexes of features. */
export const feature = uapi.feature;
/** What is to be done with a feature. */
export const featureFlag = uapi.featureFlag;
/** Flags of {@link migrationInfo}: what a device can do beyond stopping. */
export const migrationFlag = uapi.migrationFlag;
/** States of {@link migrationState}. */
export const migrationStates = uapi.migrationState;

/** `type` of a {@link regionIoFd}. */
export const ioFdType = { IOEVENTFD: 0, IOREGIONFD: 1 } as const;
