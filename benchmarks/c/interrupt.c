// An eventfd as an interrupt: how long from the write to whoever waits for it.
//
//   interrupt source oneway|roundtrip   signals a receiver in another process, see the descriptors below
//   interrupt pair oneway|roundtrip     the same with a receiver of its own: an epoll loop
//
// The source measures both ends by its own clock. One way, it watches for the receiver's mark in shared memory, the
// first thing that the receiver does; the round trip ends with a second eventfd, for which the source sleeps too.
#define _GNU_SOURCE
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "round.h"

enum { SHOTS = 500, GAP_NS = 30000, PATIENCE_MS = 5000 };

// Descriptors of a source whose receiver is elsewhere.
enum { GIVEN_EVENT = 3, GIVEN_BACK = 4, GIVEN_MEMORY = 5 };

static int event_fd;
static int back_fd;
static volatile uint32_t* seen;  // number of events the receiver has seen
static int processors;

static void signal_fd(int fd) {
  const uint64_t one = 1;
  if (write(fd, &one, sizeof one) != sizeof one) fail("write");
}

static void take(int fd) {
  uint64_t count;
  if (read(fd, &count, sizeof count) != sizeof count) fail("read");
}

static void pause_for(uint64_t ns) {
  for (const uint64_t end = now_ns() + ns; now_ns() < end;) {
    if (processors == 1) sched_yield();
  }
}

static void await_mark(uint32_t before) {
  const uint64_t end = now_ns() + PATIENCE_MS * 1000000ull;
  while (*seen == before) {
    if (processors == 1) sched_yield();
    if (now_ns() > end) fail("the receiver saw no event");
  }
}

static void await_back(void) {
  struct pollfd waiting = {.fd = back_fd, .events = POLLIN};
  if (poll(&waiting, 1, PATIENCE_MS) != 1) fail("the receiver did not answer");
  take(back_fd);
}

static double one_way(void) {
  static uint64_t samples[SHOTS];
  for (int i = 0; i < SHOTS; ++i) {
    pause_for(GAP_NS);
    const uint32_t before = *seen;
    const uint64_t start = now_ns();
    signal_fd(event_fd);
    await_mark(before);
    samples[i] = now_ns() - start;
  }
  return median(samples, SHOTS);
}

static double round_trip(void) {
  static uint64_t samples[SHOTS];
  for (int i = 0; i < SHOTS; ++i) {
    pause_for(GAP_NS);
    const uint64_t start = now_ns();
    signal_fd(event_fd);
    await_back();
    samples[i] = now_ns() - start;
  }
  return median(samples, SHOTS);
}

// The receiver that JavaScript is compared with.
static _Noreturn void receive(int answers) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  add_idle_thread();
  const int epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = event_fd};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, event_fd, &event), "epoll_ctl");
  for (;;) {
    check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
    take(event.data.fd);
    if (answers) signal_fd(back_fd);
    else *seen = *seen + 1;
  }
}

int main(int argc, char** argv) {
  static const struct choice choices[] = {{"oneway", one_way}, {"roundtrip", round_trip}, {NULL, NULL}};
  if (argc != 3) fail("interrupt source|pair oneway|roundtrip");
  const int is_pair = strcmp(argv[1], "pair") == 0;
  processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
  event_fd = is_pair ? check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd") : GIVEN_EVENT;
  back_fd = is_pair ? check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd") : GIVEN_BACK;
  const int flags = MAP_SHARED | (is_pair ? MAP_ANONYMOUS : 0);
  seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, is_pair ? -1 : GIVEN_MEMORY, 0);
  if (seen == MAP_FAILED) fail("mmap");
  if (is_pair && check(fork(), "fork") == 0) receive(strcmp(argv[2], "roundtrip") == 0);
  serve_choice(choices, argv[2]);
}
