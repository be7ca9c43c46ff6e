#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../round.h"
#include "message.h"

enum {
  ID = 0x00,
  SCRATCH = 0x04,
  SCRATCH64 = 0x08,
  DOORBELL = 0x10,
  DOORBELLS = 0x14,
  LINE = 0x18,
  ADDRESS = 0x20,
  SIZE = 0x28,
  COMMAND = 0x2c,
  STATUS = 0x30,
  ID_VALUE = 0x7c010001
};

// Configuration space (PCI 3.0, chapter 6), where a driver may write to it.
enum { PCI_COMMAND = 0x04, PCI_STATUS = 0x06, PCI_BARS = 0x10, PCI_LINE = 0x3c, MSIX_CAPABILITY = 0x40 };
enum { MEMORY_SPACE = 2, BUS_MASTER = 4, INTX_PENDING = 8 };

struct device_registers device;
uint8_t* device_memory;
int device_memory_fd;

static const struct {
  uint8_t at;
  uint8_t mask;
} writable[] = {
    {PCI_COMMAND, 0x07}, {PCI_COMMAND + 1, 0x04}, {PCI_LINE, 0xff}, {MSIX_CAPABILITY + 3, 0xc0},
};

static const uint8_t initial_config[CONFIG_SIZE] = {
    [0x00] = 0x34,       [0x01] = 0x12, [0x02] = 0x01, [0x03] = 0x7c,  // 1234:7c01
    [0x04] = MEMORY_SPACE,
    [0x06] = 0x10,                                                   // a list of capabilities
    [0x08] = 0x01,                                                   // revision
    [0x0b] = 0xff,                                                   // a class of its own
    [0x2c] = 0x34,       [0x2d] = 0x12, [0x2e] = 0x01, [0x2f] = 0x7c,
    [0x34] = MSIX_CAPABILITY,
    [0x3d] = 1,  // INTA
    [MSIX_CAPABILITY] = 0x11,
    [MSIX_CAPABILITY + 2] = VECTORS - 1,
    [MSIX_CAPABILITY + 4] = BAR_MSIX,
    [MSIX_CAPABILITY + 8] = BAR_MSIX,
    [MSIX_CAPABILITY + 9] = 0x08,  // pending bits at 0x800
};

static const uint32_t sizes[REGIONS] = {
    [BAR_REGISTERS] = REGISTERS_SIZE, [BAR_MEMORY] = MEMORY_SIZE, [BAR_MSIX] = MSIX_SIZE, [CONFIG] = CONFIG_SIZE};

void device_create(void) {
  device_memory_fd = check(memfd_create("BAR 2", MFD_CLOEXEC), "memfd_create");
  check(ftruncate(device_memory_fd, MEMORY_SIZE), "ftruncate");
  device_memory = mmap(NULL, MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, device_memory_fd, 0);
  if (device_memory == MAP_FAILED) fail("mmap");
  device_reset();
}

void device_reset(void) {
  memset(&device, 0, sizeof device);
  memcpy(device.config, initial_config, sizeof initial_config);
  for (int i = 0; i < VECTORS; ++i) device.msix[i * 16 + 12] = 1;  // masked
  irq_line_changed();
}

uint64_t region_size(uint32_t region) { return region < REGIONS ? sizes[region] : 0; }

static void set_line(uint32_t asserted) {
  device.line = asserted;
  device.config[PCI_STATUS] = (uint8_t)((device.config[PCI_STATUS] & ~INTX_PENDING) | (asserted ? INTX_PENDING : 0));
  irq_line_changed();
}

static uint32_t read_register(uint64_t at) {
  switch (at) {
    case ID: return ID_VALUE;
    case SCRATCH: return device.scratch;
    case SCRATCH64: return (uint32_t)device.scratch64;
    case SCRATCH64 + 4: return (uint32_t)(device.scratch64 >> 32);
    case DOORBELLS: return device.doorbells;
    case LINE: return device.line;
    case ADDRESS: return (uint32_t)device.address;
    case ADDRESS + 4: return (uint32_t)(device.address >> 32);
    case SIZE: return device.size;
    case COMMAND: return device.command;
    case STATUS: return device.status;
    default: return 0;
  }
}

static void set_half(uint64_t* to, int high, uint32_t value) {
  *to = high ? (*to & UINT32_MAX) | (uint64_t)value << 32 : (*to & ~(uint64_t)UINT32_MAX) | value;
}

static void ring(uint32_t vector) {
  ++device.doorbells;
  if (msix_enabled()) irq_fire(VU_MSIX, vector);
  else set_line(1);
}

// What asks for DMA is only noted: it happens when this access has been answered.
static void start(uint32_t command) {
  if (device.status == STATUS_BUSY) return;
  device.command = command;
  device.status = device.size <= MOST_DMA ? STATUS_BUSY : STATUS_FAULT;
}

static void write_register(uint64_t at, uint32_t value) {
  switch (at) {
    case SCRATCH: device.scratch = value; break;
    case SCRATCH64: set_half(&device.scratch64, 0, value); break;
    case SCRATCH64 + 4: set_half(&device.scratch64, 1, value); break;
    case DOORBELL: ring(value); break;
    case LINE: if (value & 1) set_line(0); break;
    case ADDRESS: set_half(&device.address, 0, value); break;
    case ADDRESS + 4: set_half(&device.address, 1, value); break;
    case SIZE: device.size = value; break;
    case COMMAND: start(value); break;
    default: break;
  }
}

void device_work(void) {
  while (device.status == STATUS_BUSY && device_runs()) {
    const uint32_t command = device.command;
    const int masters = (device.config[PCI_COMMAND] & BUS_MASTER) != 0;
    const int error =
        masters ? dma_transfer(device.address, device.size, device_memory, (command & DMA_TO_MEMORY) != 0) : EPERM;
    // Stopped or reset meanwhile: it is done again when the device runs on, or no more.
    if (error == ECANCELED || device.status != STATUS_BUSY) continue;
    device.status = error == 0 ? STATUS_DONE : STATUS_FAULT;
    if (command & DMA_SIGNAL) irq_fire(VU_MSIX, command >> 16 & 0xff);
  }
}

// BARs answer how large they are when all ones were written: their low bits stay 0 (PCI 3.0, section 6.2.5.1).
static uint8_t bar_mask(uint64_t at) {
  const uint64_t bar = (at - PCI_BARS) / 4;
  if (at < PCI_BARS || bar > 5 || sizes[bar] == 0) return 0;
  return (uint8_t)(~(sizes[bar] - 1) >> at % 4 * 8);
}

static void write_config(uint64_t at, uint8_t value) {
  uint8_t mask = bar_mask(at);
  for (size_t i = 0; i < sizeof writable / sizeof *writable; ++i) {
    if (writable[i].at == at) mask = writable[i].mask;
  }
  device.config[at] = (uint8_t)((device.config[at] & ~mask) | (value & mask));
}

static uint8_t* bytes_of(uint32_t region) {
  if (region == BAR_MEMORY) return device_memory;
  if (region == BAR_MSIX) return device.msix;
  return region == CONFIG ? device.config : NULL;
}

static int is_inside(uint32_t region, uint64_t offset, uint32_t count) {
  const uint64_t size = region_size(region);
  return offset <= size && count <= size - offset;
}

// BARs answer only while memory decode is on.
static int access_error(uint32_t region, uint64_t offset, uint32_t count) {
  if (!is_inside(region, offset, count)) return EINVAL;
  return region == CONFIG || (device.config[PCI_COMMAND] & MEMORY_SPACE) ? 0 : EIO;
}

int region_read(uint32_t region, uint64_t offset, uint32_t count, uint8_t* target) {
  const int error = access_error(region, offset, count);
  if (error != 0) return error;
  const uint8_t* bytes = bytes_of(region);
  if (bytes != NULL) memcpy(target, bytes + offset, count);
  else {
    for (uint32_t i = 0; i < count; ++i) {
      target[i] = (uint8_t)(read_register((offset + i) & ~3ull) >> (offset + i) % 4 * 8);
    }
  }
  return 0;
}

static void write_registers(uint64_t offset, uint32_t count, const uint8_t* source) {
  while (count > 0) {
    const uint64_t at = offset & ~3ull;
    const uint32_t skip = (uint32_t)(offset - at);
    const uint32_t size = count < 4 - skip ? count : 4 - skip;
    uint32_t value = size == 4 ? 0 : read_register(at);
    memcpy((uint8_t*)&value + skip, source, size);
    write_register(at, value);
    offset += size;
    source += size;
    count -= size;
  }
}

int region_write(uint32_t region, uint64_t offset, uint32_t count, const uint8_t* source) {
  const int error = access_error(region, offset, count);
  if (error != 0) return error;
  if (region == BAR_REGISTERS) write_registers(offset, count, source);
  else if (region == CONFIG) {
    for (uint32_t i = 0; i < count; ++i) write_config(offset + i, source[i]);
    irq_line_changed();  // Interrupt Disable may have gone
  } else memcpy(bytes_of(region) + offset, source, count);
  return 0;
}
