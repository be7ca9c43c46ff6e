#include "fault_table.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <vector>

#include "signal_chain.h"

namespace fault_table {
namespace {

struct Slot {
  std::atomic<bool> taken;
  // Odd while start and end change, so that a reader never combines the start of one range with the end of another.
  std::atomic<uint32_t> version;
  std::atomic<uintptr_t> start;
  std::atomic<uintptr_t> end;
  std::atomic<int32_t> fault;
};

struct Table {
  Slot slots[kSlots];
  // Slots from here on were never used.
  std::atomic<int> used;
  // A memory file of one page of ones, or 0 before the first claim.
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

// Puts ones over a range; what lies beyond the first page faults again, and is then served page by page.
bool MapOnes(uintptr_t start, size_t length) {
  const long result = syscall(SYS_mmap, start, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
                              table.ones.load(std::memory_order_acquire), 0);
  return result != -1;
}

// Makes the device's silence look as it does on a bus: all ones.
bool Silence(Slot& slot, uintptr_t start, uintptr_t end, uintptr_t address) {
  slot.fault.store(1, std::memory_order_release);
  const uintptr_t page_size = table.page_size.load(std::memory_order_relaxed);
  const uintptr_t page = address & ~(page_size - 1);
  if (MapOnes(page, page_size)) return true;
  // One page cannot be cut out of a huge page, nor when the process has all the mappings it may have: then the whole
  // range goes first.
  return MapOnes(start, end - start) && MapOnes(page, page_size);
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
int MakeOnes(size_t page_size) {
  const int fd = memfd_create("userpci-ones", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -errno;
  const std::vector<uint8_t> page(page_size, 0xff);
  const ssize_t written = write(fd, page.data(), page.size());
  if (written == static_cast<ssize_t>(page.size()) &&
      fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    return fd;
  }
  const int failure = written < 0 ? -errno : -EIO;
  close(fd);
  return failure;
}

int Prepare(size_t page_size) {
  if (table.ones.load() == 0) {
    const int fd = MakeOnes(page_size);
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
