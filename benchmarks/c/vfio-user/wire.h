// vfio-user as it is on the wire, written from the tables of its specification (QEMU, docs/interop/vfio-user.rst) and from
// nothing of this repository, so that it is a second opinion on @userpci/vfio-user. All numbers are in the host's byte order.
#pragma once

#include <stdint.h>

enum vu_command {
  VU_VERSION = 1,
  VU_DMA_MAP,
  VU_DMA_UNMAP,
  VU_DEVICE_GET_INFO,
  VU_DEVICE_GET_REGION_INFO,
  VU_DEVICE_GET_REGION_IO_FDS,
  VU_DEVICE_GET_IRQ_INFO,
  VU_DEVICE_SET_IRQS,
  VU_REGION_READ,
  VU_REGION_WRITE,
  VU_DMA_READ,
  VU_DMA_WRITE,
  VU_DEVICE_RESET,
  VU_REGION_WRITE_MULTI = 15,
  VU_DEVICE_FEATURE,
  VU_MIG_DATA_READ,
  VU_MIG_DATA_WRITE,
  VU_COMMANDS
};

enum { VU_TYPE = 0xf, VU_TYPE_COMMAND = 0, VU_TYPE_REPLY = 1, VU_NO_REPLY = 0x10, VU_ERROR = 0x20 };
enum { VU_MAX_FDS = 16, VU_MAX_DATA = 1 << 20, VU_MAX_BODY = VU_MAX_DATA + 64 };

struct vu_header {
  uint16_t id;
  uint16_t command;
  uint32_t size;  // of the message with this
  uint32_t flags;
  uint32_t error;
};

// Text of JSON and a NUL follow.
struct vu_version {
  uint16_t major;
  uint16_t minor;
};

enum { VU_DMA_READABLE = 1, VU_DMA_WRITEABLE = 2 };
struct vu_dma_map {
  uint32_t argsz;
  uint32_t flags;
  uint64_t offset;
  uint64_t address;
  uint64_t size;
};

enum { VU_UNMAP_DIRTY = 1, VU_UNMAP_ALL = 2 };
struct vu_dma_unmap {
  uint32_t argsz;
  uint32_t flags;
  uint64_t address;
  uint64_t size;
};

enum { VU_DEVICE_RESETS = 1, VU_DEVICE_PCI = 2 };
struct vu_device_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t regions;
  uint32_t irqs;
};

enum { VU_REGION_READS = 1, VU_REGION_WRITES = 2, VU_REGION_MMAP = 4, VU_REGION_CAPS = 8 };
struct vu_region_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t cap_offset;
  uint64_t size;
  uint64_t offset;
};

enum { VU_CAP_SPARSE_MMAP = 1 };
struct vu_area {
  uint64_t offset;
  uint64_t size;
};
struct vu_sparse {
  uint16_t id;
  uint16_t version;
  uint32_t next;
  uint32_t count;
  uint32_t reserved;
  struct vu_area areas[];
};

struct vu_io_fds {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t count;
};

enum { VU_INTX, VU_MSI, VU_MSIX, VU_ERR, VU_REQ, VU_IRQS };
enum { VU_IRQ_EVENTFD = 1, VU_IRQ_MASKABLE = 2, VU_IRQ_AUTOMASKED = 4, VU_IRQ_NORESIZE = 8 };
struct vu_irq_info {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t count;
};

enum { VU_DATA_NONE = 1, VU_DATA_BOOL = 2, VU_DATA_EVENTFD = 4, VU_MASK = 8, VU_UNMASK = 16, VU_TRIGGER = 32 };
struct vu_set_irqs {
  uint32_t argsz;
  uint32_t flags;
  uint32_t index;
  uint32_t start;
  uint32_t count;
};

// Data follow, in the request of a write and in the reply of a read.
struct vu_region_access {
  uint64_t offset;
  uint32_t region;
  uint32_t count;
};

struct vu_dma_access {
  uint64_t address;
  uint64_t count;
};

struct vu_write_multi_entry {
  uint64_t offset;
  uint32_t region;
  uint32_t count;
  uint8_t data[8];
};
struct vu_write_multi {
  uint64_t count;
  struct vu_write_multi_entry entries[];
};

enum { VU_FEATURE = 0xffff, VU_GET = 1 << 16, VU_SET = 1 << 17, VU_PROBE = 1 << 18 };
enum { VU_FEATURE_MIGRATION = 1, VU_FEATURE_STATE = 2, VU_FEATURE_LOG_START = 6, VU_FEATURE_LOG_STOP, VU_FEATURE_LOG_REPORT };
struct vu_feature {
  uint32_t argsz;
  uint32_t flags;
};

enum { VU_STATE_ERROR, VU_STATE_STOP, VU_STATE_RUNNING, VU_STATE_STOP_COPY, VU_STATE_RESUMING };
struct vu_device_state {
  uint32_t state;
  uint32_t fd;
};

struct vu_log_start {
  uint64_t page;
  uint32_t count;
  uint32_t reserved;
  struct vu_area ranges[];
};

// A bitmap follows, one bit a page, in the reply.
struct vu_log_report {
  uint64_t address;
  uint64_t size;
  uint64_t page;
};

struct vu_mig_data {
  uint32_t argsz;
  uint32_t size;
};

_Static_assert(sizeof(struct vu_header) == 16, "header");
_Static_assert(sizeof(struct vu_dma_map) == 32, "DMA_MAP");
_Static_assert(sizeof(struct vu_dma_unmap) == 24, "DMA_UNMAP");
_Static_assert(sizeof(struct vu_region_info) == 32, "DEVICE_GET_REGION_INFO");
_Static_assert(sizeof(struct vu_set_irqs) == 20, "DEVICE_SET_IRQS");
_Static_assert(sizeof(struct vu_region_access) == 16, "REGION_READ");
_Static_assert(sizeof(struct vu_write_multi_entry) == 24, "REGION_WRITE_MULTI");
_Static_assert(sizeof(struct vu_sparse) == 16, "sparse mmap");
