// Which pages of the client's memory the device has written, by the features LOG_START, LOG_STOP and LOG_REPORT.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "message.h"

enum { MOST_RANGES = 16, MOST_PAGES = 1 << 20, LEAST_PAGE = 4096 };

static struct {
  struct vu_area area;
  uint8_t* bits;
} ranges[MOST_RANGES];
static uint32_t range_count;
static uint64_t page_size;  // 0: not logging

static uint64_t pages_of(uint64_t size) { return size / page_size + (size % page_size != 0); }

void log_stop(void) {
  for (uint32_t i = 0; i < range_count; ++i) free(ranges[i].bits);
  range_count = 0;
  page_size = 0;
}

static int is_page_size(uint64_t size) { return size >= LEAST_PAGE && (size & (size - 1)) == 0; }

int log_start(const uint8_t* data, uint32_t size) {
  struct vu_log_start start;
  if (size < sizeof start) return EINVAL;
  memcpy(&start, data, sizeof start);
  if (page_size != 0) return EINVAL;
  if (!is_page_size(start.page) || start.reserved != 0 || start.count == 0 || start.count > MOST_RANGES) return EINVAL;
  if (size - sizeof start != start.count * sizeof(struct vu_area)) return EINVAL;
  page_size = start.page;
  for (uint32_t i = 0; i < start.count; ++i) {
    struct vu_area area;
    memcpy(&area, data + sizeof start + i * sizeof area, sizeof area);
    const int fits = area.size > 0 && area.offset + (area.size - 1) >= area.offset && pages_of(area.size) <= MOST_PAGES;
    ranges[i].area = area;
    ranges[i].bits = fits ? calloc(1, pages_of(area.size) / 8 + 1) : NULL;
    range_count = i + 1;
    if (ranges[i].bits == NULL) {
      log_stop();
      return fits ? ENOMEM : EINVAL;
    }
  }
  return 0;
}

void log_written(uint64_t address, uint64_t size) {
  for (uint32_t i = 0; i < range_count; ++i) {
    const struct vu_area area = ranges[i].area;
    for (uint64_t at = address; at - address < size; at = (at / page_size + 1) * page_size) {
      if (at < area.offset || at - area.offset >= area.size) continue;
      const uint64_t page = (at - area.offset) / page_size;
      ranges[i].bits[page / 8] |= (uint8_t)(1 << page % 8);
    }
  }
}

// Whether a page was written, which is forgotten.
static int take(uint64_t address) {
  for (uint32_t i = 0; i < range_count; ++i) {
    const struct vu_area area = ranges[i].area;
    if (address < area.offset || address - area.offset >= area.size) continue;
    const uint64_t page = (address - area.offset) / page_size;
    const uint8_t bit = (uint8_t)(1 << page % 8);
    const int was = (ranges[i].bits[page / 8] & bit) != 0;
    ranges[i].bits[page / 8] &= (uint8_t)~bit;
    if (was) return 1;
  }
  return 0;
}

int log_report(uint64_t address, uint64_t size, uint64_t page, uint8_t* target, uint32_t room) {
  if (page_size == 0 || !is_page_size(page) || size == 0 || address % page != 0) return -EINVAL;
  const uint64_t pages = size / page + (size % page != 0);
  const uint64_t bytes = (pages + 63) / 64 * 8;  // whole words of 64 bits, as the kernel's
  if (bytes > room) return -EINVAL;
  memset(target, 0, bytes);
  for (uint64_t i = 0; i < pages; ++i) {
    for (uint64_t at = 0; at < page; at += page_size) {
      if (take(address + i * page + at)) target[i / 8] |= (uint8_t)(1 << i % 8);
    }
  }
  return (int)bytes;
}
