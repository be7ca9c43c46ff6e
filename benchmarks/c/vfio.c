// A device through the kernel's VFIO: container, group and type1v2 IOMMU. The device is QEMU's edu.
//
//   vfio CHOICE ADDRESS [iommufd]
//
// Choices: map-4k, map-2m, map-2m-huge, map-64m (map and unmap of that much memory, in an IOAS of iommufd if asked), config (a 32-bit read), bar-pread, bar-read,
// bar-write, interrupt (from the raise to the next raise, with the acknowledgement).
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "round.h"

enum { SMALL = 4096, LARGE = 2 << 20, VAST = 64 << 20, IOVA = 0x10000000 };
enum { MAPS = 20, MAP_SLICES = 300, LARGE_MAPS = 4, LARGE_MAP_SLICES = 40, VAST_MAPS = 1, VAST_MAP_SLICES = 10 };
enum { READS = 200, READ_SLICES = 40, ACCESSES = 1000, ACCESS_SLICES = 40, SHOTS = 200 };
// Configuration space (PCI 3.0, section 6.1) and BAR 0 of edu (QEMU, docs/specs/edu.rst).
enum { COMMAND = 0x04, COMMAND_MEMORY_AND_MASTER = 0x6 };
enum { LIVENESS = 0x04, RAISE = 0x60, ACKNOWLEDGE = 0x64 };

// From linux/iommufd.h and the newer linux/vfio.h, which Debian 12 lacks.
struct bind_iommufd {
  uint32_t argsz;
  uint32_t flags;
  int32_t iommufd;
  uint32_t out_devid;
};
struct attach_iommufd_pt {
  uint32_t argsz;
  uint32_t flags;
  uint32_t pt_id;
};
struct ioas_alloc {
  uint32_t size;
  uint32_t flags;
  uint32_t out_ioas_id;
};
struct ioas_map {
  uint32_t size;
  uint32_t flags;
  uint32_t ioas_id;
  uint32_t reserved;
  uint64_t user_va;
  uint64_t length;
  uint64_t iova;
};
struct ioas_unmap {
  uint32_t size;
  uint32_t ioas_id;
  uint64_t iova;
  uint64_t length;
};
enum { BIND_IOMMUFD = _IO(VFIO_TYPE, VFIO_BASE + 18), ATTACH_IOMMUFD_PT = _IO(VFIO_TYPE, VFIO_BASE + 19) };
enum { IOAS_ALLOC = _IO(VFIO_TYPE, 0x81), IOAS_MAP = _IO(VFIO_TYPE, 0x85), IOAS_UNMAP = _IO(VFIO_TYPE, 0x86) };
enum { FIXED_IOVA = 1, WRITEABLE = 2, READABLE = 4 };

static int container;
static int iommufd;
static uint32_t ioas;
static int group;
static int device;
static uint64_t config_offset;
static uint64_t bar_offset;
static uint8_t* bar;
static void* memory;
static uint64_t memory_size;
static volatile uint32_t sink;

static int group_number(const char* address) {
  char link[128];
  char target[512] = {0};
  snprintf(link, sizeof link, "/sys/bus/pci/devices/%s/iommu_group", address);
  check((int)readlink(link, target, sizeof target - 1), link);
  return atoi(basename(target));
}

static struct vfio_region_info region(uint32_t index) {
  struct vfio_region_info info = {.argsz = sizeof info, .index = index};
  check(ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info), "VFIO_DEVICE_GET_REGION_INFO");
  return info;
}

static void open_device(const char* address) {
  char path[64];
  snprintf(path, sizeof path, "/dev/vfio/%d", group_number(address));
  container = check(open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), "/dev/vfio/vfio");
  group = check(open(path, O_RDWR | O_CLOEXEC), path);
  check(ioctl(group, VFIO_GROUP_SET_CONTAINER, &container), "VFIO_GROUP_SET_CONTAINER");
  check(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), "VFIO_SET_IOMMU");
  device = check(ioctl(group, VFIO_GROUP_GET_DEVICE_FD, address), "VFIO_GROUP_GET_DEVICE_FD");
  config_offset = region(VFIO_PCI_CONFIG_REGION_INDEX).offset;
  const uint16_t command = COMMAND_MEMORY_AND_MASTER;
  if (pwrite(device, &command, sizeof command, (off_t)(config_offset + COMMAND)) != sizeof command) fail("pwrite");
  const struct vfio_region_info info = region(VFIO_PCI_BAR0_REGION_INDEX);
  bar_offset = info.offset;
  bar = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, device, (off_t)info.offset);
  if (bar == MAP_FAILED) fail("mmap");
}

// Opens the node of a device by its number under vfio-dev.
static int open_node(const char* address) {
  char path[300];
  snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vfio-dev", address);
  DIR* folder = opendir(path);
  if (folder == NULL) fail(path);
  const struct dirent* entry = readdir(folder);
  while (entry != NULL && entry->d_name[0] == '.') entry = readdir(folder);
  if (entry == NULL) fail("vfio-dev");
  snprintf(path, sizeof path, "/dev/vfio/devices/%s", entry->d_name);
  closedir(folder);
  return check(open(path, O_RDWR | O_CLOEXEC), path);
}

static void open_by_iommufd(const char* address) {
  device = open_node(address);
  iommufd = check(open("/dev/iommu", O_RDWR | O_CLOEXEC), "/dev/iommu");
  struct bind_iommufd bind = {.argsz = sizeof bind, .iommufd = iommufd};
  check(ioctl(device, BIND_IOMMUFD, &bind), "VFIO_DEVICE_BIND_IOMMUFD");
  struct ioas_alloc alloc = {.size = sizeof alloc};
  check(ioctl(iommufd, IOAS_ALLOC, &alloc), "IOMMU_IOAS_ALLOC");
  ioas = alloc.out_ioas_id;
  struct attach_iommufd_pt attach = {.argsz = sizeof attach, .pt_id = ioas};
  check(ioctl(device, ATTACH_IOMMUFD_PT, &attach), "VFIO_DEVICE_ATTACH_IOMMUFD_PT");
}

// Shared memory of a file, as the memory that TypeScript maps.
static void allocate(uint64_t size, unsigned flags) {
  const int fd = check(memfd_create("benchmark", flags | MFD_CLOEXEC), "memfd_create");
  check(ftruncate(fd, (off_t)size), "ftruncate");
  memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  check(close(fd), "close");
  memset(memory, 1, size);
  memory_size = size;
}

static void map_by_iommufd(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    struct ioas_map map = {
        .size = sizeof map,
        .flags = FIXED_IOVA | READABLE | WRITEABLE,
        .ioas_id = ioas,
        .user_va = (uintptr_t)memory,
        .length = memory_size,
        .iova = IOVA,
    };
    check(ioctl(iommufd, IOAS_MAP, &map), "IOMMU_IOAS_MAP");
    struct ioas_unmap unmap = {.size = sizeof unmap, .ioas_id = ioas, .iova = IOVA, .length = memory_size};
    check(ioctl(iommufd, IOAS_UNMAP, &unmap), "IOMMU_IOAS_UNMAP");
  }
}

static void map_by_container(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    struct vfio_iommu_type1_dma_map map = {
        .argsz = sizeof map,
        .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
        .vaddr = (uintptr_t)memory,
        .iova = IOVA,
        .size = memory_size,
    };
    check(ioctl(container, VFIO_IOMMU_MAP_DMA, &map), "VFIO_IOMMU_MAP_DMA");
    struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof unmap, .iova = IOVA, .size = memory_size};
    check(ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap), "VFIO_IOMMU_UNMAP_DMA");
  }
}

static void read_config(uint64_t count) {
  uint32_t value;
  for (uint64_t i = 0; i < count; ++i) {
    if (pread(device, &value, sizeof value, (off_t)config_offset) != sizeof value) fail("pread");
    sink = value;
  }
}

static void read_bar_by_call(uint64_t count) {
  uint32_t value;
  for (uint64_t i = 0; i < count; ++i) {
    if (pread(device, &value, sizeof value, (off_t)(bar_offset + LIVENESS)) != sizeof value) fail("pread");
    sink = value;
  }
}

static void read_bar(uint64_t count) {
  uint32_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) sum ^= *(volatile uint32_t*)(bar + LIVENESS);
  sink = sum;
}

static void write_bar(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) *(volatile uint32_t*)(bar + LIVENESS) = (uint32_t)i;
}

static void write_register(int offset, uint32_t value) { *(volatile uint32_t*)(bar + offset) = value; }

static void (*map_many)(uint64_t count) = map_by_container;

// A round, on memory of its own: pages that happen to be neighbours are mapped in a fraction of the time.
static double map_afresh(uint64_t size, unsigned flags, uint64_t maps, unsigned slices) {
  allocate(size, flags);
  const double figure = quickest(map_many, maps, slices);
  check(munmap(memory, size), "munmap");
  return figure;
}

static double map_4k(void) { return map_afresh(SMALL, 0, MAPS, MAP_SLICES); }
static double map_2m(void) { return map_afresh(LARGE, 0, LARGE_MAPS, LARGE_MAP_SLICES); }
static double map_2m_huge(void) { return map_afresh(LARGE, MFD_HUGETLB, LARGE_MAPS, LARGE_MAP_SLICES); }
static double map_64m(void) { return map_afresh(VAST, 0, VAST_MAPS, VAST_MAP_SLICES); }

static double config(void) { return quickest(read_config, READS, READ_SLICES); }
static double bar_pread(void) { return quickest(read_bar_by_call, READS, READ_SLICES); }
static double bar_read(void) { return quickest(read_bar, ACCESSES, ACCESS_SLICES); }
static double bar_write(void) { return quickest(write_bar, ACCESSES, ACCESS_SLICES); }

// Connects MSI 0 to an eventfd. Answers an epoll descriptor that watches it.
static int enable_msi(int* event_fd) {
  *event_fd = check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd");
  struct {
    struct vfio_irq_set head;
    int32_t fd;
  } set = {
      .head = {.argsz = sizeof set,
               .flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
               .index = VFIO_PCI_MSI_IRQ_INDEX,
               .count = 1},
      .fd = *event_fd,
  };
  check(ioctl(device, VFIO_DEVICE_SET_IRQS, &set), "VFIO_DEVICE_SET_IRQS");
  const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, *event_fd, &event), "epoll_ctl");
  return epoll;
}

static double interrupt(void) {
  static int epoll;
  static int event_fd;
  if (epoll == 0) epoll = enable_msi(&event_fd);
  const uint64_t start = now_ns();
  for (int shot = 0; shot < SHOTS; ++shot) {
    struct epoll_event event;
    uint64_t count;
    write_register(RAISE, 1);
    check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
    if (read(event_fd, &count, sizeof count) != sizeof count) fail("read");
    write_register(ACKNOWLEDGE, 1);
  }
  return (double)(now_ns() - start) / SHOTS;
}

int main(int argc, char** argv) {
  static const struct choice choices[] = {
      {"map-4k", map_4k},     {"map-2m", map_2m},     {"map-2m-huge", map_2m_huge}, {"map-64m", map_64m},     {"config", config},
      {"bar-pread", bar_pread}, {"bar-read", bar_read}, {"bar-write", bar_write},     {"interrupt", interrupt},
      {NULL, NULL},
  };
  if (argc != 3 && argc != 4) fail("vfio CHOICE ADDRESS [iommufd]");
  if (argc == 4) {
    map_many = map_by_iommufd;
    open_by_iommufd(argv[2]);
  } else {
    open_device(argv[2]);
  }
  add_idle_thread();
  serve_choice(choices, argv[1]);
}
