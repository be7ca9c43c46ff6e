#include "ledger.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>

bool Ledger::Closed(int fd) {
  // Most descriptors die young, so the search begins at the youngest.
  const auto found = std::find(descriptors_.rbegin(), descriptors_.rend(), fd);
  if (found == descriptors_.rend()) return false;
  descriptors_.erase(std::next(found).base());
  return true;
}

bool Ledger::Holds(int fd) const {
  return std::find(descriptors_.begin(), descriptors_.end(), fd) != descriptors_.end();
}

void Ledger::Mapped(uintptr_t address, size_t length) {
  Unmapped(address, length);
  mappings_[address] = address + length;
}

void Ledger::Unmapped(uintptr_t address, size_t length) {
  const uintptr_t end = address + length;
  auto entry = mappings_.upper_bound(address);
  if (entry != mappings_.begin()) --entry;
  while (entry != mappings_.end() && entry->first < end) {
    const auto [start, stop] = *entry;
    if (stop <= address) {
      ++entry;
      continue;
    }
    entry = mappings_.erase(entry);
    if (start < address) mappings_[start] = address;
    if (stop > end) mappings_[end] = stop;
  }
}

bool Ledger::Covers(uintptr_t address, size_t length) const {
  const uintptr_t end = address + length;
  if (length == 0 || end < address) return false;
  auto entry = mappings_.upper_bound(address);
  if (entry == mappings_.begin()) return false;
  uintptr_t covered = address;
  for (--entry; entry != mappings_.end() && entry->first <= covered; ++entry) {
    covered = std::max(covered, entry->second);
    if (covered >= end) return true;
  }
  return false;
}

void Ledger::CloseAll() {
  for (const auto& [start, end] : mappings_) munmap(reinterpret_cast<void*>(start), end - start);
  mappings_.clear();
  for (auto fd = descriptors_.rbegin(); fd != descriptors_.rend(); ++fd) close(*fd);
  descriptors_.clear();
}
