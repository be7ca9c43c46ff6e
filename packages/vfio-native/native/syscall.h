// A system call without a function around it: the first return after one is not predicted where the kernel guards its own
// (SRSO), and takes a third of the time that a short call does. A point of cancellation takes more.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

// The result, or the negative errno.
inline int64_t SystemCall(long number, int64_t a, const void* b, int64_t c, int64_t d = 0, const void* e = nullptr,
                          int64_t f = 0) {
#ifdef __x86_64__
  int64_t result = number;
  register int64_t fourth asm("r10") = d;
  register const void* fifth asm("r8") = e;
  register int64_t sixth asm("r9") = f;
  asm volatile("syscall"
               : "+a"(result)
               : "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
#else
  const int64_t result = syscall(number, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
#endif
}
