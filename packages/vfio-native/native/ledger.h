// What one environment (the main thread or a worker) has open, so that its end leaves nothing behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

class Ledger {
 public:
  void Opened(int fd) { descriptors_.push_back(fd); }
  // The same for what a call returned that opens a descriptor, or its negative errno.
  int64_t Recorded(int64_t fd) {
    if (fd >= 0) Opened(static_cast<int>(fd));
    return fd;
  }
  // Forgets a descriptor. False if it is not one of this environment's.
  bool Closed(int fd);
  bool Holds(int fd) const;

  void Mapped(uintptr_t address, size_t length);
  void Unmapped(uintptr_t address, size_t length);
  // Whether every byte of the range is mapped by this environment.
  bool Covers(uintptr_t address, size_t length) const;

  size_t descriptors() const { return descriptors_.size(); }
  size_t mappings() const { return mappings_.size(); }

  // Unmaps everything, then closes every descriptor, the last opened first: a mapping keeps its device busy, and a
  // device descriptor its group.
  void CloseAll();

 private:
  std::vector<int> descriptors_;            // in the order of opening
  std::map<uintptr_t, uintptr_t> mappings_;  // start to end, disjoint
};
