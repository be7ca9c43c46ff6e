// The SIGBUS rule: which address ranges belong to devices, and what happens when one of them does not answer.
//
// The table is the one thing the addon shares between environments. It is of fixed size and read without locks,
// because its reader is a signal handler. Memory of the table, and the handler, stay for the life of the process.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace fault_table {

// Ranges that can be claimed at a time.
constexpr int kSlots = 4096;

// Claims a page-aligned range and sees to it that the handler is installed, on top of any other.
// Returns the slot, or -EINVAL (not whole pages), -ENOSPC (no free slot), or why no page of ones could be made.
int Claim(uintptr_t start, size_t length);

// Gives the slot back. Faults in its range are nobody's again.
void Release(int slot);

// Whether the slot's range has bytes in common with this one.
bool Overlaps(int slot, uintptr_t start, size_t length);

// 1 from the first fault in the slot's range on, until it is stored as 0.
std::atomic<int32_t>* Flag(int slot);

}  // namespace fault_table
