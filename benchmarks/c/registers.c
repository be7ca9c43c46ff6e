// Registers as volatile objects in shared memory, and a call of a function that does nothing.
//
//   registers write8|read8|write16|read16|write32|read32|write64|read64|call
#include <stdio.h>
#include <sys/mman.h>

#include "round.h"

enum { REGISTER = 8, OPERATIONS = 5000, SLICES = 400 };

static uint8_t* registers;
static volatile uint64_t sink;

#define ACCESSORS(bits)                                                                             \
  static void write_many##bits(uint64_t count) {                                                    \
    volatile uint##bits##_t* at = (volatile uint##bits##_t*)(registers + REGISTER);                 \
    for (uint64_t i = 0; i < count; ++i) *at = (uint##bits##_t)i;                                   \
  }                                                                                                 \
  static void read_many##bits(uint64_t count) {                                                     \
    const volatile uint##bits##_t* at = (const volatile uint##bits##_t*)(registers + REGISTER);     \
    uint##bits##_t sum = 0;                                                                         \
    for (uint64_t i = 0; i < count; ++i) sum ^= *at;                                                \
    sink = sum;                                                                                     \
  }                                                                                                 \
  static double write##bits(void) { return quickest(write_many##bits, OPERATIONS, SLICES); }        \
  static double read##bits(void) { return quickest(read_many##bits, OPERATIONS, SLICES); }

ACCESSORS(8)
ACCESSORS(16)
ACCESSORS(32)
ACCESSORS(64)

static uint64_t nothing(void) { return 1; }
static uint64_t (*volatile callee)(void) = nothing;

static void call_many(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) callee();
}
static double call(void) { return quickest(call_many, OPERATIONS, SLICES); }

int main(int argc, char** argv) {
  static const struct choice choices[] = {
      {"write8", write8},   {"read8", read8},   {"write16", write16}, {"read16", read16}, {"write32", write32},
      {"read32", read32},   {"write64", write64}, {"read64", read64}, {"call", call},     {NULL, NULL},
  };
  registers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (registers == MAP_FAILED) fail("mmap");
  serve_choice(choices, argc > 1 ? argv[1] : "");
}
