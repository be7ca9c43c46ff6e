// The client's memory: by mapped descriptors, and by messages where there is none.
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "device.h"
#include "message.h"

enum { MOST_MAPS = 1024, MESSAGE_DATA = 65536 };

struct map {
  uint64_t address;
  uint64_t size;
  uint32_t flags;
  uint8_t* bytes;  // NULL: by messages
};

int dma_by_messages;
static struct map maps[MOST_MAPS];
static int map_count;

// The last byte of a range, which may be the last one of all.
static uint64_t last_of(uint64_t address, uint64_t size) { return address + (size - 1); }

static int overlaps(uint64_t address, uint64_t size) {
  for (int i = 0; i < map_count; ++i) {
    if (address <= last_of(maps[i].address, maps[i].size) && maps[i].address <= last_of(address, size)) return 1;
  }
  return 0;
}

int dma_map(struct message* request) {
  struct vu_dma_map map;
  memcpy(&map, request->body, sizeof map);
  if (map.argsz < sizeof map || map.size == 0 || request->fd_count > 1) return EINVAL;
  if (map.flags & ~(uint32_t)(VU_DMA_READABLE | VU_DMA_WRITEABLE)) return EINVAL;
  if (last_of(map.address, map.size) < map.address) return EINVAL;
  if (overlaps(map.address, map.size)) return EEXIST;
  if (map_count == MOST_MAPS) return ENOSPC;
  struct map* to = &maps[map_count];
  *to = (struct map){map.address, map.size, map.flags, NULL};
  if (request->fd_count == 1 && !dma_by_messages) {
    const int reads = map.flags & VU_DMA_READABLE ? PROT_READ : 0;
    const int writes = map.flags & VU_DMA_WRITEABLE ? PROT_WRITE : 0;
    void* bytes = mmap(NULL, map.size, reads | writes, MAP_SHARED, request->fds[0], (off_t)map.offset);
    if (bytes == MAP_FAILED) return errno;
    to->bytes = bytes;
  }
  ++map_count;
  return 0;
}

static void forget(int at) {
  if (maps[at].bytes != NULL) munmap(maps[at].bytes, maps[at].size);
  maps[at] = maps[--map_count];
}

void dma_forget(void) {
  while (map_count > 0) forget(map_count - 1);
}

// Whatever lies inside goes, which may be nothing: QEMU with an IOMMU in its guest unmaps more than it has mapped. A mapping
// of which only a part lies inside is an error.
int dma_unmap(const struct message* request) {
  struct vu_dma_unmap unmap;
  memcpy(&unmap, request->body, sizeof unmap);
  if (unmap.argsz < sizeof unmap) return EINVAL;
  if (unmap.flags == VU_UNMAP_ALL) {
    if (unmap.address != 0 || unmap.size != 0) return EINVAL;
    dma_forget();
    return 0;
  }
  if (unmap.flags != 0 || unmap.size == 0) return EINVAL;
  const uint64_t last = last_of(unmap.address, unmap.size);
  if (last < unmap.address) return EINVAL;
  for (int i = 0; i < map_count; ++i) {
    const uint64_t end = last_of(maps[i].address, maps[i].size);
    const int begins_inside = maps[i].address >= unmap.address && maps[i].address <= last;
    const int ends_inside = end >= unmap.address && end <= last;
    if (begins_inside != ends_inside || (maps[i].address < unmap.address && end > last)) return EINVAL;
  }
  for (int i = map_count - 1; i >= 0; --i) {
    if (maps[i].address >= unmap.address && maps[i].address <= last) forget(i);
  }
  return 0;
}

static int by_message(uint64_t address, uint32_t size, uint8_t* bytes, int is_write) {
  const struct vu_dma_access access = {address, size};
  const int error = ask_client(is_write ? VU_DMA_WRITE : VU_DMA_READ, &access, sizeof access, bytes, is_write ? size : 0);
  if (error != 0) return error;
  if (answer.header.flags & VU_ERROR) return answer.header.error != 0 ? (int)answer.header.error : EIO;
  struct vu_dma_access told;
  if (answer.size < sizeof told) return EPROTO;
  memcpy(&told, answer.body, sizeof told);
  if (told.count != size || (!is_write && answer.size - sizeof told != size)) return EPROTO;
  if (!is_write) memcpy(bytes, answer.body + sizeof told, size);
  return 0;
}

static const struct map* map_at(uint64_t address) {
  for (int i = 0; i < map_count; ++i) {
    if (address >= maps[i].address && address - maps[i].address < maps[i].size) return &maps[i];
  }
  return NULL;
}

int dma_transfer(uint64_t address, uint32_t size, uint8_t* bytes, int is_write) {
  while (size > 0) {
    const struct map* map = map_at(address);
    if (map == NULL || (map->flags & (is_write ? VU_DMA_WRITEABLE : VU_DMA_READABLE)) == 0) return EFAULT;
    const uint64_t into = address - map->address;
    uint32_t part = map->size - into < size ? (uint32_t)(map->size - into) : size;
    if (map->bytes == NULL) {
      if (part > MESSAGE_DATA) part = MESSAGE_DATA;
      const int error = by_message(address, part, bytes, is_write);
      if (error != 0) return error;
    } else if (is_write) memcpy(map->bytes + into, bytes, part);
    else memcpy(bytes, map->bytes + into, part);
    if (is_write) log_written(address, part);
    address += part;
    bytes += part;
    size -= part;
  }
  return 0;
}
