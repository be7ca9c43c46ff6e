// The clock of everything that waits on this thread.
#pragma once

#include <time.h>

#include <cstdint>

constexpr int64_t kSecond = 1000000000;
// A wait longer than this many milliseconds (31 years) has no end.
constexpr double kForever = 1e12;

// Nanoseconds of a clock that nobody sets.
inline int64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// When a wait of so many milliseconds ends; negative for one without end.
inline int64_t Deadline(double timeout_ms) {
  const bool forever = timeout_ms < 0 || timeout_ms >= kForever;
  return forever ? -1 : Now() + static_cast<int64_t>(timeout_ms * 1e6);
}
