// A program from its start to its end.
//
//   command processor|clock kept|fresh FOLDER PROGRAM [ARGUMENT...]
//
// What it keeps for its next run (XDG_CACHE_HOME) is in the folder, or "fresh" in a new one below it for each run.
// What it prints goes nowhere. "processor" counts the time that all its threads were on a processor, which other programs
// touch less than the time on the clock.
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "round.h"

enum { RUNS = 3 };

static char** command;
static const char* folder;
static bool is_fresh;

static void choose_cache(unsigned number) {
  char path[PATH_MAX];
  const int length = snprintf(path, sizeof path, is_fresh ? "%s/%u" : "%s", folder, number);
  if (length < 0 || (size_t)length >= sizeof path || setenv("XDG_CACHE_HOME", path, 1) != 0) _exit(127);
}

static void start(unsigned number) {
  choose_cache(number);
  const int nowhere = check(open("/dev/null", O_RDWR), "/dev/null");
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) check(dup2(nowhere, fd), "dup2");
  execvp(command[0], command);
  _exit(127);
}

static uint64_t nanoseconds(struct timeval time) {
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

// One run: what it took on the clock and on processors.
static void run(uint64_t* clock, uint64_t* processor) {
  static unsigned number;
  ++number;
  const uint64_t began = now_ns();
  const int child = check(fork(), "fork");
  if (child == 0) start(number);
  int status;
  struct rusage usage;
  check(wait4(child, &status, 0, &usage), "wait4");
  *clock = now_ns() - began;
  *processor = nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail(command[0]);
}

static double clock_round(void) {
  uint64_t clocks[RUNS], unused;
  for (int i = 0; i < RUNS; ++i) run(&clocks[i], &unused);
  return median(clocks, RUNS);
}

static double processor_round(void) {
  uint64_t processors[RUNS], unused;
  for (int i = 0; i < RUNS; ++i) run(&unused, &processors[i]);
  return median(processors, RUNS);
}

int main(int argc, char** argv) {
  if (argc < 5) fail("command processor|clock kept|fresh FOLDER PROGRAM [ARGUMENT...]");
  is_fresh = strcmp(argv[2], "fresh") == 0;
  folder = argv[3];
  command = argv + 4;
  serve_choice((const struct choice[]){{"processor", processor_round}, {"clock", clock_round}, {NULL, NULL}}, argv[1]);
}
