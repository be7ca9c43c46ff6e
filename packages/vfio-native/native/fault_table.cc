#include "fault_table.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

#include "signal_chain.h"

namespace fault_table {
namespace {

// Pages of ones in the file. A range is replaced page by page, so that pages which still answer go on doing so; after
// kPagewise of them it goes in blocks, because each is a mapping and a process may have but 65,530 (vm.max_map_count).
constexpr size_t kOnesPages = 16;
constexpr int32_t kPagewise = 1024;

struct Slot {
  std::atomic<bool> taken;
  // Odd while start and end change, so that a reader never combines the start of one range with the end of another.
  std::atomic<uint32_t> version;
  std::atomic<uintptr_t> start;
  std::atomic<uintptr_t> end;
  std::atomic<int32_t> fault;
  // Faults since the claim.
  std::atomic<int32_t> faults;
};

struct Table {
  Slot slots[kSlots];
  // Slots from here on were never used.
  std::atomic<int> used;
  // A memory file full of ones, or 0 before the first claim.
  std::atomic<int> ones;
  // Set with `ones`; the handler must not call sysconf.
  std::atomic<uintptr_t> page_size;
  // Between claims only; the handler takes no lock.
  std::mutex claiming;
};

// All zero at load time, which is a table without claims.
Table table;

bool Read(const Slot& slot, uintptr_t* start, uintptr_t* end) {
  const uint32_t before = slot.version.load(std::memory_order_acquire);
  *start = slot.start.load(std::memory_order_relaxed);
  *end = slot.end.load(std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_acquire);
  // A slot that changes at this moment cannot be the one of an access that is under way.
  return (before & 1) == 0 && slot.version.load(std::memory_order_relaxed) == before;
}

void Write(Slot& slot, uintptr_t start, uintptr_t end) {
  slot.version.fetch_add(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  slot.start.store(start, std::memory_order_relaxed);
  slot.end.store(end, std::memory_order_relaxed);
  slot.version.fetch_add(1, std::memory_order_release);
}

// Puts ones over a range; what lies beyond the end of their file faults again, and is then served on its own.
bool MapOnes(uintptr_t start, uintptr_t end, size_t offset) {
  const int ones = table.ones.load(std::memory_order_acquire);
  const int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
  return syscall(SYS_mmap, start, end - start, PROT_READ | PROT_WRITE, flags, ones, offset) != -1;
}

// Makes the device's silence look as it does on a bus: all ones.
bool Silence(Slot& slot, uintptr_t start, uintptr_t end, uintptr_t address) {
  slot.fault.store(1, std::memory_order_release);
  const bool is_pagewise = slot.faults.fetch_add(1, std::memory_order_relaxed) < kPagewise;
  const uintptr_t page_size = table.page_size.load(std::memory_order_relaxed);
  const uintptr_t span = is_pagewise ? page_size : page_size * kOnesPages;
  const uintptr_t block = address & ~(span - 1);
  const uintptr_t from = std::max(block, start);
  const uintptr_t to = std::min(block + span, end);
  if (MapOnes(from, to, from - block)) return true;
  // A piece cannot be cut out of a huge page: then the whole range goes first.
  return MapOnes(start, end, 0) && MapOnes(from, to, from - block);
}

// Whether the fault was in a claimed range and has been dealt with. Only faults of the mapped object count: memory
// failures (BUS_MCEERR_*) and misaligned accesses stay fatal.
bool OnBusError(const siginfo_t* info) {
  if (info->si_code != BUS_ADRERR && info->si_code != BUS_OBJERR) return false;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const int used = table.used.load(std::memory_order_acquire);
  for (int i = 0; i < used; ++i) {
    uintptr_t start = 0;
    uintptr_t end = 0;
    if (!Read(table.slots[i], &start, &end) || address < start || address >= end) continue;
    return Silence(table.slots[i], start, end, address);
  }
  return false;
}

// Makes the file of ones: sealed, so that nobody can make it anything else.
int MakeOnes(size_t size) {
  const int fd = memfd_create("userpci-ones", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  const std::vector<uint8_t> ones(size, 0xff);
  const ssize_t written = write(fd, ones.data(), ones.size());
  if (written == static_cast<ssize_t>(ones.size()) &&
      fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    return fd;
  }
  const int failure = written < 0 ? -errno : -EIO;
  close(fd);
  return failure;
}

int Prepare(size_t page_size) {
  if (table.ones.load() == 0) {
    const int fd = MakeOnes(page_size * kOnesPages);
    if (fd < 0) return fd;
    table.page_size.store(page_size);
    table.ones.store(fd, std::memory_order_release);
  }
  return signal_chain::Install(SIGBUS, OnBusError);
}

int FreeSlot() {
  for (int i = 0; i < kSlots; ++i) {
    if (!table.slots[i].taken.load()) return i;
  }
  return -ENOSPC;
}

}  // namespace

int Claim(uintptr_t start, size_t length) {
  const auto page_size = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (length == 0 || start % page_size != 0 || length % page_size != 0) return -EINVAL;
  const std::lock_guard<std::mutex> lock(table.claiming);
  const int failure = Prepare(page_size);
  if (failure < 0) return failure;
  const int slot = FreeSlot();
  if (slot < 0) return slot;
  table.slots[slot].taken.store(true);
  table.slots[slot].fault.store(0);
  table.slots[slot].faults.store(0);
  Write(table.slots[slot], start, start + length);
  if (slot >= table.used.load()) table.used.store(slot + 1, std::memory_order_release);
  return slot;
}

void Release(int slot) {
  const std::lock_guard<std::mutex> lock(table.claiming);
  Write(table.slots[slot], 0, 0);
  table.slots[slot].taken.store(false);
}

bool Overlaps(int slot, uintptr_t start, size_t length) {
  const Slot& entry = table.slots[slot];
  return start < entry.end.load() && entry.start.load() < start + length;
}

std::atomic<int32_t>* Flag(int slot) { return &table.slots[slot].fault; }

}  // namespace fault_table
