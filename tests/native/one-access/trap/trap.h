// Counts the instructions that touch one guarded stretch of memory.
//
// The memory is inaccessible while armed. A touch faults; the fault handler records the instruction and the registers,
// opens the memory and sets the trap flag, so that exactly this instruction runs; the trap handler closes the memory
// again. What the instruction does is decoded later, in decode.ts: the handlers only copy. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>

// Longest x86-64 instruction (Intel SDM, volume 2, section 2.3.11).
constexpr size_t kLongestInstruction = 15;

// One touch. Read by trap.ts, which knows the offsets.
struct Touch {
  uint64_t address;        // that faulted
  uint64_t error;          // of the page fault; bit 1: the access was a write
  uint64_t registers[16];  // in the order of their encoding: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15
  uint64_t length;         // of code
  uint8_t code[16];
};
static_assert(sizeof(Touch) == 168, "trap.ts reads the same layout");

// The guarded memory: mapped once, never moved.
struct Guard {
  uint8_t* start;
  size_t size;
};

// Maps the memory at the first call. A null start says that a system call failed, with errno.
Guard GuardedMemory(size_t size);

// Closes the memory and begins to record. Answers 0 or a negative errno.
int Arm();

// Opens the memory and ends recording.
void Disarm();

// What was recorded since Arm, oldest first, and how many touches found no room.
struct Recording {
  const Touch* touches;
  size_t count;
  size_t lost;
};
Recording Recorded();

// Known accesses, for the test of the trap itself.
struct Sample {
  const char* name;
  const char* expected;  // as Trap.describe() writes them, with commas between
  void (*run)(uint8_t* at);
  const char* needs = nullptr;  // a processor feature: "avx", "avx512"
};
struct Samples {
  const Sample* first;
  size_t count;
};
Samples AllSamples();

// Whether this processor has what the sample needs.
bool CanRun(const Sample& sample);
