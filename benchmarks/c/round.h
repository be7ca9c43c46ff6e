// What every counterpart program shares. A program is asked for its rounds one at a time, so that they alternate with
// those of the TypeScript they are compared with, and noise meets both.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define _Noreturn [[noreturn]]
extern "C" {
#endif

// Nanoseconds of CLOCK_MONOTONIC.
uint64_t now_ns(void);

// Ends the process with a message and the text of errno.
_Noreturn void fail(const char* what);

// The result of a system call, or the end of the process.
int check(int result, const char* what);

// Gives the process a second thread, which sleeps. Node has several, and so has a driver that waits for interrupts: the
// kernel then counts each use of a descriptor, which costs a tenth of a short system call.
void add_idle_thread(void);

// Does slices of `count` operations each. Answers the nanoseconds an operation took in the quickest slice, less what an
// empty slice takes: what else runs on the machine can only add.
double quickest(void (*work)(uint64_t count), uint64_t count, int slices);

// Median of samples, which are sorted in place.
double median(uint64_t* samples, size_t count);

// Runs one round for each byte on standard input and writes its figure as a line. Returns at the end of the input.
void serve(double (*round)(void));

// One choice of a program's first argument.
struct choice {
  const char* name;
  double (*round)(void);
};

// Serves the choice with that name, from a table that ends with a null name, and ends the process.
_Noreturn void serve_choice(const struct choice* choices, const char* name);

#ifdef __cplusplus
}
#endif
