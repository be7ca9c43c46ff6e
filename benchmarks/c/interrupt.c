// An eventfd as an interrupt: how long from the write to whoever waits for it.
//
//   interrupt source oneway|roundtrip|together|spin   signals a receiver in another process, see the descriptors below
//   interrupt pair oneway|roundtrip|together|spin     the same with a receiver of its own: an epoll loop
//
// The source measures both ends by its own clock. One way, it watches for the receiver's mark in shared memory, the
// first thing that the receiver does; the round trip ends with a second eventfd, for which the source sleeps too.
//
// Where both run decides more than what they do: waking another processor takes longer than the rest, and left alone the
// kernel puts two C programs on one processor and Node on another. So each has a processor of its own during a round, as
// a device has; "together" is one way with both on one processor. With "spin", which is one way too, the receiver of the
// pair never sleeps: it asks the eventfd again and again.
#define _GNU_SOURCE
#include <errno.h>
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
static pid_t receiver;
static cpu_set_t allowed;  // processors that this program may use
static int is_shared;      // source and receiver have one processor

static void run_on(pid_t thread, const cpu_set_t* set) {
  check(sched_setaffinity(thread, sizeof *set, set), "sched_setaffinity");
}

// Gives the source and the receiver the first processors that are allowed, or the first to both.
static void place(int count) {
  cpu_set_t chosen[2];
  int found = 0;
  for (int i = 0; found < count; ++i) {
    if (!CPU_ISSET(i, &allowed)) continue;
    CPU_ZERO(&chosen[found]);
    CPU_SET(i, &chosen[found++]);
  }
  is_shared = count == 1;
  run_on(0, &chosen[0]);
  run_on(receiver, &chosen[count - 1]);
}

// One round, after which both may run anywhere again: other rows are measured meanwhile.
static double placed(int count, double (*shots)(void)) {
  const int most = CPU_COUNT(&allowed);
  place(count < most ? count : most);
  const double figure = shots();
  run_on(0, &allowed);
  run_on(receiver, &allowed);
  return figure;
}

static void signal_fd(int fd) {
  const uint64_t one = 1;
  if (write(fd, &one, sizeof one) != sizeof one) fail("write");
}

// Whether there was a count to take.
static int try_take(int fd) {
  uint64_t count;
  const ssize_t result = read(fd, &count, sizeof count);
  if (result < 0 && errno != EAGAIN) fail("read");
  return result == sizeof count;
}

static void take(int fd) {
  uint64_t count;
  if (read(fd, &count, sizeof count) != sizeof count) fail("read");
}

static void pause_for(uint64_t ns) {
  for (const uint64_t end = now_ns() + ns; now_ns() < end;) {
    if (is_shared) sched_yield();
  }
}

static void await_mark(uint32_t before) {
  const uint64_t end = now_ns() + PATIENCE_MS * 1000000ull;
  while (*seen == before) {
    if (is_shared) sched_yield();
    if (now_ns() > end) fail("the receiver saw no event");
  }
}

static void await_back(void) {
  struct pollfd waiting = {.fd = back_fd, .events = POLLIN};
  if (poll(&waiting, 1, PATIENCE_MS) != 1) fail("the receiver did not answer");
  take(back_fd);
}

static double one_way_shots(void) {
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

static double round_trip_shots(void) {
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

static double one_way(void) { return placed(2, one_way_shots); }
static double round_trip(void) { return placed(2, round_trip_shots); }
static double together(void) { return placed(1, one_way_shots); }

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

// The same for a hybrid wait whose budget is never spent.
static _Noreturn void receive_spinning(void) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  add_idle_thread();
  for (;;) {
    while (!try_take(event_fd)) continue;
    *seen = *seen + 1;
  }
}

int main(int argc, char** argv) {
  static const struct choice choices[] = {
      {"oneway", one_way}, {"roundtrip", round_trip}, {"together", together}, {"spin", one_way}, {NULL, NULL}};
  if (argc != 3) fail("interrupt source|pair oneway|roundtrip|together|spin");
  const int is_pair = strcmp(argv[1], "pair") == 0;
  event_fd = is_pair ? check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd") : GIVEN_EVENT;
  back_fd = is_pair ? check(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "eventfd") : GIVEN_BACK;
  const int flags = MAP_SHARED | (is_pair ? MAP_ANONYMOUS : 0);
  seen = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, is_pair ? -1 : GIVEN_MEMORY, 0);
  if (seen == MAP_FAILED) fail("mmap");
  receiver = is_pair ? check(fork(), "fork") : getppid();
  if (receiver == 0 && strcmp(argv[2], "spin") == 0) receive_spinning();
  if (receiver == 0) receive(strcmp(argv[2], "roundtrip") == 0);
  check(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
  serve_choice(choices, argv[2]);
}
