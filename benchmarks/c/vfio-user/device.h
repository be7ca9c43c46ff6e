// The device that the server shows: registers, memory of which a part can be mapped, interrupts of all kinds, DMA.
//
// BAR 0, 4 KiB of registers of 32 bits:
//
//   0x00 ID          reads 0x7c010001
//   0x04 SCRATCH     keeps what was written
//   0x08 SCRATCH64   the same with 64 bits
//   0x10 DOORBELL    written: counts, and signals that vector of MSI-X, or asserts INTx while MSI-X is off
//   0x14 DOORBELLS   how often
//   0x18 LINE        reads 1 while INTx is asserted; writing 1 takes it back
//   0x20 ADDRESS     of DMA, 64 bits
//   0x28 SIZE        of DMA, at most 4 KiB
//   0x2c COMMAND     1 reads memory into the start of BAR 2, 2 writes it from there; bit 8: signals vector `bits 16 to 23` afterwards
//   0x30 STATUS      0 done, 1 busy, 2 an address faulted
//
// Memory decode is on from the start, as with the kernel's provider. BAR 2, 16 KiB of memory, of which 0x1000 to 0x1fff and 0x3000 to 0x3fff can be mapped. BAR 4: the table of MSI-X and its
// pending bits. No BAR 1, 3, 5, no ROM; configuration of 256 bytes.
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { REGIONS = 9, BAR_REGISTERS = 0, BAR_MEMORY = 2, BAR_MSIX = 4, CONFIG = 7 };
enum { REGISTERS_SIZE = 4096, MEMORY_SIZE = 16384, MOST_DMA = 4096, MSIX_SIZE = 4096, CONFIG_SIZE = 256, VECTORS = 4 };
enum { STATUS_DONE, STATUS_BUSY, STATUS_FAULT };
enum { DMA_FROM_MEMORY = 1, DMA_TO_MEMORY = 2, DMA_SIGNAL = 1 << 8 };

// What a migration carries, with the bytes of the memory behind it.
struct device_registers {
  uint32_t scratch;
  uint32_t doorbells;
  uint64_t scratch64;
  uint64_t address;
  uint32_t size;
  uint32_t command;
  uint32_t status;
  uint32_t line;
  uint8_t config[CONFIG_SIZE];
  uint8_t msix[MSIX_SIZE];
};

extern struct device_registers device;
extern uint8_t* device_memory;  // MEMORY_SIZE bytes
extern int device_memory_fd;

void device_create(void);
void device_reset(void);

uint64_t region_size(uint32_t region);
// Answer 0, or an errno: EINVAL outside a region, EIO in a BAR while memory decode is off.
int region_read(uint32_t region, uint64_t offset, uint32_t count, uint8_t* target);
int region_write(uint32_t region, uint64_t offset, uint32_t count, const uint8_t* source);

// Does the DMA that a command has asked for, if the device runs.
void device_work(void);

// irqs.c
int irq_vectors(uint32_t index);
uint32_t irq_flags(uint32_t index);
// Takes descriptors of the request: those that it keeps are made -1.
struct message;
int irq_set(struct message* request);
void irq_fire(uint32_t index, uint32_t vector);
void irq_line_changed(void);
int msix_enabled(void);
void irq_disconnect(void);

// dma.c. Answer 0, or an errno.
extern int dma_by_messages;  // whether descriptors of memory are left alone
int dma_map(struct message* request);
int dma_unmap(const struct message* request);
int dma_transfer(uint64_t address, uint32_t size, uint8_t* bytes, int is_write);
void dma_forget(void);

// dirty.c
int log_start(const uint8_t* data, uint32_t size);
void log_stop(void);
void log_written(uint64_t address, uint64_t size);
// Answers bytes of the bitmap, or a negative errno.
int log_report(uint64_t address, uint64_t size, uint64_t page, uint8_t* target, uint32_t room);

// migration.c
int feature(const struct message* request, struct message* reply);
int migration_read(const struct message* request, struct message* reply);
int migration_write(const struct message* request);
int device_runs(void);
void migration_reset(void);

// The server's side of a message to the client, for DMA: sends it, goes on serving until its answer is there, and leaves that in
// `answer`. Answers 0 or an errno.
int ask_client(uint16_t command, const void* body, uint32_t size, const void* data, uint32_t data_size);
extern struct message answer;
