// What a driver's accesses cost over a socket.
//
//   read      4 bytes of a register
//   write     the same, answered
//   posted    the same, not answered: what the call takes; the device is let catch up between slices
//   arrival   the same until the device has it: slices that end with a read
//   wait      a posted doorbell until the interrupt that it causes, in a thread that blocks
//   event     the same, in an epoll loop
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../round.h"
#include "message.h"

enum { ACCESSES = 50, SLICES = 40, SCRATCH = 4, DOORBELL = 16, BAR = 0 };

static int connection;
static int event_fd;
static int epoll;
static uint16_t next_id;

static struct message message;

static void request(uint16_t command, uint32_t flags, uint32_t size) {
  message.header = (struct vu_header){.id = next_id++, .command = command, .flags = flags};
  message.size = size;
  if (!send_message(connection, &message)) fail("send");
}

static void get_reply(void) {
  if (!receive_message(connection, &message)) fail("receive");
  if ((message.header.flags & VU_ERROR) || (message.header.flags & VU_TYPE) != VU_TYPE_REPLY) {
    errno = (int)message.header.error;
    fail("reply");
  }
}

static void call(uint16_t command, const void* body, uint32_t size) {
  memcpy(message.body, body, size);
  message.fd_count = 0;
  request(command, 0, size);
  get_reply();
}

static uint32_t read_register(uint64_t at) {
  const struct vu_region_access access = {at, BAR, 4};
  uint32_t value;
  call(VU_REGION_READ, &access, sizeof access);
  if (message.size != sizeof access + sizeof value) fail("REGION_READ");
  memcpy(&value, message.body + sizeof access, sizeof value);
  return value;
}

static void write_register(uint64_t at, uint32_t value, uint32_t flags) {
  const struct vu_region_access access = {at, BAR, 4};
  memcpy(message.body, &access, sizeof access);
  memcpy(message.body + sizeof access, &value, sizeof value);
  message.fd_count = 0;
  request(VU_REGION_WRITE, flags, sizeof access + sizeof value);
  if ((flags & VU_NO_REPLY) == 0) get_reply();
}

static void read_many(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) read_register(SCRATCH);
}

static void write_many(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) write_register(SCRATCH, (uint32_t)i, 0);
}

static void post_many(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) write_register(SCRATCH, (uint32_t)i, VU_NO_REPLY);
}

static void arrive_many(uint64_t count) {
  post_many(count - 1);
  read_register(SCRATCH);
}

static void take_interrupt(void) {
  uint64_t count;
  if (read(event_fd, &count, sizeof count) != sizeof count) fail("read");
}

static void wait_many(uint64_t count) {
  for (uint64_t i = 0; i < count; ++i) {
    write_register(DOORBELL, 0, VU_NO_REPLY);
    take_interrupt();
  }
}

static void event_many(uint64_t count) {
  struct epoll_event event;
  for (uint64_t i = 0; i < count; ++i) {
    write_register(DOORBELL, 0, VU_NO_REPLY);
    check(epoll_wait(epoll, &event, 1, -1), "epoll_wait");
    take_interrupt();
  }
}

// Median over slices of what one access takes.
static double median_access(void (*accesses)(uint64_t count)) {
  static uint64_t samples[SLICES];
  for (int i = 0; i < SLICES; ++i) {
    const uint64_t start = now_ns();
    accesses(ACCESSES);
    samples[i] = (now_ns() - start) / ACCESSES;
    if (accesses == post_many) read_register(SCRATCH);
  }
  return median(samples, SLICES);
}

static double reads(void) { return median_access(read_many); }
static double writes(void) { return median_access(write_many); }
static double posts(void) { return median_access(post_many); }
static double arrivals(void) { return median_access(arrive_many); }
static double waits(void) { return median_access(wait_many); }
static double events(void) { return median_access(event_many); }

// Vector 0 of MSI-X, to an eventfd.
static void enable_interrupt(int is_blocking) {
  const struct vu_set_irqs set = {sizeof set, VU_DATA_EVENTFD | VU_TRIGGER, VU_MSIX, 0, 1};
  event_fd = check(eventfd(0, EFD_CLOEXEC | (is_blocking ? 0 : EFD_NONBLOCK)), "eventfd");
  memcpy(message.body, &set, sizeof set);
  message.fd_count = 1;
  message.fds[0] = event_fd;
  request(VU_DEVICE_SET_IRQS, 0, sizeof set);
  get_reply();
}

static void greet(void) {
  static const struct vu_version version = {0, 0};
  static const char json[] = "{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":1048576}}";
  memcpy(message.body, &version, sizeof version);
  memcpy(message.body + sizeof version, json, sizeof json);
  request(VU_VERSION, 0, sizeof version + sizeof json);
  get_reply();
}

// Memory decode and bus mastering.
static void enable_device(void) {
  static const struct vu_region_access command = {4, 7, 2};
  static const uint16_t on = 6;
  memcpy(message.body, &command, sizeof command);
  memcpy(message.body + sizeof command, &on, sizeof on);
  message.fd_count = 0;
  request(VU_REGION_WRITE, 0, sizeof command + sizeof on);
  get_reply();
}

_Noreturn void bench(int socket, const char* what) {
  static const struct choice choices[] = {{"read", reads},       {"write", writes}, {"posted", posts}, {"arrival", arrivals},
                                          {"wait", waits},       {"event", events}, {NULL, NULL}};
  connection = socket;
  greet();
  enable_device();
  enable_interrupt(strcmp(what, "event") != 0);
  epoll = check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  struct epoll_event event = {.events = EPOLLIN, .data.fd = event_fd};
  check(epoll_ctl(epoll, EPOLL_CTL_ADD, event_fd, &event), "epoll_ctl");
  add_idle_thread();
  serve_choice(choices, what);
}
