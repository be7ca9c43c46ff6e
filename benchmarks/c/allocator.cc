// An allocator of addresses made of the containers of the C++ library: who has which range in a std::map, what is free in
// another, and in a std::set by size. A million ranges live, with holes between them; both sides play the same workload.
//
//   allocator same|same-p99|other|least
#include <algorithm>
#include <cstdint>
#include <ctime>
#include <iterator>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "round.h"

namespace {

// The same in src/rows/allocator.ts.
constexpr uint32_t LIVE = 1000000, HOLES = 100000, SIZES = 7, OPERATIONS = 100000, SINGLE = 20000;
constexpr uint64_t FIRST = uint64_t{1} << 20, END = uint64_t{1} << 51;

uint32_t seed = 12345;

uint32_t random_below(uint32_t limit) {
  seed = seed * 1664525u + 1013904223u;
  return static_cast<uint32_t>((uint64_t{seed} * limit) >> 32);
}

struct Holder {
  uint64_t end;
  uint32_t owner;
};

class Allocator {
 public:
  Allocator(uint64_t start, uint64_t end) { add_free(start, end); }

  uint64_t alloc(uint64_t size, uint32_t owner) {
    const auto found = by_size_.lower_bound({size, 0});
    if (found == by_size_.end()) fail("alloc");
    const uint64_t start = found->second;
    const uint64_t end = start + found->first;
    by_size_.erase(found);
    free_.erase(start);
    if (end - start > size) add_free(start + size, end);
    live_.emplace(start, Holder{start + size, owner});
    return start;
  }

  uint32_t free(uint64_t start) {
    const auto holder = live_.find(start);
    if (holder == live_.end()) fail("free");
    const auto [end, owner] = holder->second;
    live_.erase(holder);
    join_free(start, end);
    return owner;
  }

 private:
  void join_free(uint64_t start, uint64_t end) {
    auto next = free_.lower_bound(start);
    if (next != free_.end() && next->first == end) {
      end = next->second;
      next = drop_free(next);
    }
    if (next != free_.begin()) {
      const auto before = std::prev(next);
      if (before->second == start) {
        start = before->first;
        drop_free(before);
      }
    }
    add_free(start, end);
  }

  void add_free(uint64_t start, uint64_t end) {
    free_.emplace(start, end);
    by_size_.emplace(end - start, start);
  }

  std::map<uint64_t, uint64_t>::iterator drop_free(std::map<uint64_t, uint64_t>::iterator at) {
    by_size_.erase({at->second - at->first, at->first});
    return free_.erase(at);
  }

  std::map<uint64_t, Holder> live_;
  std::map<uint64_t, uint64_t> free_;
  std::set<std::pair<uint64_t, uint64_t>> by_size_;
};

Allocator allocator(FIRST, END);
std::vector<uint64_t> starts;
std::vector<uint32_t> sizes;

void fill() {
  for (uint32_t i = 0; i < LIVE + HOLES; ++i) {
    sizes.push_back(1 + i % SIZES);
    starts.push_back(allocator.alloc(sizes.back(), i));
  }
  for (uint32_t i = 0; i < HOLES; ++i) {
    const uint32_t victim = random_below(static_cast<uint32_t>(starts.size()));
    allocator.free(starts[victim]);
    starts[victim] = starts.back();
    sizes[victim] = sizes.back();
    starts.pop_back();
    sizes.pop_back();
  }
}

void same() {
  const uint32_t victim = random_below(LIVE);
  const uint32_t owner = allocator.free(starts[victim]);
  starts[victim] = allocator.alloc(sizes[victim], owner);
}

void other() {
  const uint32_t victim = random_below(LIVE);
  const uint32_t owner = allocator.free(starts[victim]);
  sizes[victim] = 1 + sizes[victim] % SIZES;
  starts[victim] = allocator.alloc(sizes[victim], owner);
}

// No allocator at all: the least that one made of a std::map has to do.
std::map<uint64_t, Holder> table;

void least() {
  const uint32_t victim = random_below(LIVE);
  const auto found = table.find(starts[victim]);
  const Holder holder = found->second;
  table.erase(found);
  table.emplace(starts[victim], holder);
}

double processor_ns() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <void (*operation)()>
double mean() {
  const double start = processor_ns();
  for (uint32_t i = 0; i < OPERATIONS; ++i) operation();
  return (processor_ns() - start) / OPERATIONS;
}

double same_p99() {
  std::vector<uint64_t> samples(SINGLE);
  for (auto& sample : samples) {
    const uint64_t start = now_ns();
    same();
    sample = now_ns() - start;
  }
  std::sort(samples.begin(), samples.end());
  return static_cast<double>(samples[SINGLE / 100 * 99]);
}

double least_mean() {
  if (table.empty()) {
    for (uint32_t i = 0; i < LIVE; ++i) table.emplace(starts[i], Holder{starts[i] + sizes[i], i});
  }
  return mean<least>();
}

}  // namespace

int main(int argc, char** argv) {
  static const choice choices[] = {
      {"same", mean<same>}, {"same-p99", same_p99}, {"other", mean<other>}, {"least", least_mean}, {nullptr, nullptr}};
  fill();
  serve_choice(choices, argc > 1 ? argv[1] : "");
}
