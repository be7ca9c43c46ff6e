// Messages over a UNIX socket to a process that sends each one back.
//
//   socket echo            the other process, on descriptor 3
//   socket blocking|loop   round trips to an echo of its own, by blocking calls or in an epoll loop
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "round.h"

// A vfio-user message that writes one register has 16 bytes of header and 24 of arguments.
enum { MESSAGE = 40, TRIPS = 50, SLICES = 40, GIVEN = 3 };

static int fd;
static int epoll;

static void send_message(int to, char* bytes) {
  struct iovec vector = {bytes, MESSAGE};
  const struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  if (sendmsg(to, &message, MSG_NOSIGNAL) != MESSAGE) fail("sendmsg");
}

static ssize_t receive_message(int from, char* bytes) {
  struct iovec vector = {bytes, MESSAGE};
  struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
  return recvmsg(from, &message, MSG_CMSG_CLOEXEC);
}

static void echo(int peer) {
  char bytes[MESSAGE];
  check(fcntl(peer, F_SETFL, 0), "fcntl");  // both ends of a pair are made alike
  while (receive_message(peer, bytes) == MESSAGE) send_message(peer, bytes);
}

static void trips_blocking(uint64_t count) {
  char bytes[MESSAGE] = {0};
  for (uint64_t i = 0; i < count; ++i) {
    send_message(fd, bytes);
    if (receive_message(fd, bytes) != MESSAGE) fail("recvmsg");
  }
}

static void trips_in_loop(uint64_t count) {
  char bytes[MESSAGE] = {0};
  struct epoll_event event;
  for (uint64_t i = 0; i < count; ++i) {
    send_message(fd, bytes);
    check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
    if (receive_message(event.data.fd, bytes) != MESSAGE) fail("recvmsg");
  }
}

static double median_trip(void (*trips)(uint64_t count)) {
  static uint64_t samples[SLICES];
  for (int i = 0; i < SLICES; ++i) {
    const uint64_t start = now_ns();
    trips(TRIPS);
    samples[i] = (now_ns() - start) / TRIPS;
  }
  return median(samples, SLICES);
}

static double blocking(void) { return median_trip(trips_blocking); }
static double loop(void) { return median_trip(trips_in_loop); }

static void watch(void) {
  epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  check(fcntl(fd, F_SETFL, O_NONBLOCK), "fcntl");
}

int main(int argc, char** argv) {
  static const struct choice choices[] = {{"blocking", blocking}, {"loop", loop}, {NULL, NULL}};
  if (argc != 2) fail("socket echo|blocking|loop");
  if (strcmp(argv[1], "echo") == 0) {
    echo(GIVEN);
    return 0;
  }
  int ends[2];
  check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  if (check(fork(), "fork") == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    echo(ends[1]);
    return 0;
  }
  fd = ends[0];
  add_idle_thread();
  if (strcmp(argv[1], "loop") == 0) watch();
  serve_choice(choices, argv[1]);
}
