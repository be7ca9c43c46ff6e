// Elements of a pool taken and put back: one bit an element, a count of those in use and the most there were.
//
//   pool CHOICE
//
// Choices: pair (take one, put it back), burst (take 32, put them back), zeroed (pair, with the element filled with
// zeros), by a thread that has the pool for itself; shared-pair and shared-burst, by atomic operations.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "round.h"

// The same in src/rows/pools.ts.
enum { ELEMENTS = 1024, ELEMENT = 2048, PAIRS = 1000, BURST = 32, BURSTS = 32, SLICES = 400 };

static int32_t in_use;
static int32_t high_water;
static uint32_t bits[ELEMENTS / 32];
static _Atomic int32_t shared_in_use;
static _Atomic int32_t shared_high_water;
static _Atomic uint32_t shared_bits[ELEMENTS / 32];
// The word that was used last.
static uint32_t at;
static uint8_t* memory;
static volatile int sink;

static int take(void) {
  if (in_use >= ELEMENTS) return -1;
  if (++in_use > high_water) high_water = in_use;
  while (bits[at] == 0) at = (at + 1) % (ELEMENTS / 32);
  const uint32_t word = bits[at];
  bits[at] = word & (word - 1);
  return (int)(at * 32) + __builtin_ctz(word);
}

static void give(int index) {
  if (index < 0 || index >= ELEMENTS) fail("index");
  const uint32_t bit = 1u << (index % 32);
  at = (uint32_t)index / 32;
  if ((bits[at] & bit) != 0) fail("put back twice");
  bits[at] |= bit;
  --in_use;
}

static int reserve(void) {
  int32_t count = atomic_load_explicit(&shared_in_use, memory_order_relaxed);
  do {
    if (count >= ELEMENTS) return 0;
  } while (!atomic_compare_exchange_weak(&shared_in_use, &count, count + 1));
  int32_t highest = atomic_load_explicit(&shared_high_water, memory_order_relaxed);
  while (count + 1 > highest && !atomic_compare_exchange_weak(&shared_high_water, &highest, count + 1)) continue;
  return 1;
}

static int take_shared(void) {
  if (!reserve()) return -1;
  for (;; at = (at + 1) % (ELEMENTS / 32)) {
    uint32_t word = atomic_load_explicit(&shared_bits[at], memory_order_relaxed);
    while (word != 0) {
      const uint32_t bit = word & -word;
      word = atomic_fetch_and(&shared_bits[at], ~bit);
      if ((word & bit) != 0) return (int)(at * 32) + __builtin_ctz(bit);
    }
  }
}

static void give_shared(int index) {
  if (index < 0 || index >= ELEMENTS) fail("index");
  const uint32_t bit = 1u << (index % 32);
  at = (uint32_t)index / 32;
  if ((atomic_fetch_or(&shared_bits[at], bit) & bit) != 0) fail("put back twice");
  atomic_fetch_sub(&shared_in_use, 1);
}

#define PAIRS_OF(name, take, give)                        \
  static void name##_many(uint64_t count) {               \
    for (uint64_t i = 0; i < count; ++i) {                \
      const int index = take();                           \
      sink = index;                                       \
      give(index);                                        \
    }                                                     \
  }                                                       \
  static double name(void) { return quickest(name##_many, PAIRS, SLICES); }

#define BURSTS_OF(name, take, give)                       \
  static void name##_many(uint64_t count) {               \
    int held[BURST];                                      \
    for (uint64_t done = 0; done < count; done += BURST) {\
      for (int i = 0; i < BURST; ++i) held[i] = take();   \
      for (int i = 0; i < BURST; ++i) give(held[i]);      \
    }                                                     \
  }                                                       \
  static double name(void) { return quickest(name##_many, BURST * BURSTS, SLICES); }

static int take_zeroed(void) {
  const int index = take();
  memset(memory + (size_t)index * ELEMENT, 0, ELEMENT);
  __asm__ volatile("" : : : "memory");
  return index;
}

PAIRS_OF(pair, take, give)
BURSTS_OF(burst, take, give)
PAIRS_OF(zeroed, take_zeroed, give)
PAIRS_OF(shared_pair, take_shared, give_shared)
BURSTS_OF(shared_burst, take_shared, give_shared)

int main(int argc, char** argv) {
  static const struct choice choices[] = {
      {"pair", pair},
      {"burst", burst},
      {"zeroed", zeroed},
      {"shared-pair", shared_pair},
      {"shared-burst", shared_burst},
      {NULL, NULL},
  };
  memory = aligned_alloc(4096, (size_t)ELEMENTS * ELEMENT);
  if (memory == NULL) fail("aligned_alloc");
  memset(memory, 0, (size_t)ELEMENTS * ELEMENT);
  for (int i = 0; i < ELEMENTS / 32; ++i) bits[i] = shared_bits[i] = UINT32_MAX;
  serve_choice(choices, argc > 1 ? argv[1] : "");
}
