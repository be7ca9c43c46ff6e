// A 32-bit register of a file, such as configuration space, by one system call.
//
//   file pread|pwrite PATH
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "round.h"

enum { REGISTER = 8, OPERATIONS = 500, SLICES = 100 };

static int fd;
static volatile uint32_t sink;

static void read_many(uint64_t count) {
  uint32_t value;
  for (uint64_t i = 0; i < count; ++i) {
    if (pread(fd, &value, sizeof value, REGISTER) != sizeof value) fail("pread");
    sink = value;
  }
}

static void write_many(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t value = (uint32_t)i;
    if (pwrite(fd, &value, sizeof value, REGISTER) != sizeof value) fail("pwrite");
  }
}

static double read_round(void) { return quickest(read_many, OPERATIONS, SLICES); }
static double write_round(void) { return quickest(write_many, OPERATIONS, SLICES); }

int main(int argc, char** argv) {
  static const struct choice choices[] = {{"pread", read_round}, {"pwrite", write_round}, {NULL, NULL}};
  if (argc != 3) fail("file pread|pwrite PATH");
  fd = check(open(argv[2], O_RDWR | O_CLOEXEC), argv[2]);
  add_idle_thread();
  serve_choice(choices, argv[1]);
}
