// A vfio-user client in blocking C.
//
//   vfio-user-client drive PATH        does what its standard input says, one command a line, and answers each with a line
//   vfio-user-client bench PATH WHAT   rounds of one kind of access, see vfio-user/bench.c
//   vfio-user-client on N PROGRAM ...  becomes that program, on the Nth processor that there is (counted round) alone
//
// A driven one sends exactly the bytes it is given, so that a test can try any server with any message, and sees exactly what
// comes back. It knows descriptors by names: `main` is the connection, `r0`, `r1`, ... are those it received. Its commands:
//
//   send SOCKET ID COMMAND FLAGS ERROR BODY [NAME ...]   a message with that body, in hexadecimal (- for none), and descriptors
//   raw SOCKET BYTES [NAME ...]                           bytes, which need be no message
//   receive SOCKET MS                                     one message, or "timeout", or "closed"
//   memory NAME SIZE                                      a memfd
//   poke NAME OFFSET BYTES, peek NAME OFFSET SIZE         its bytes, or those of a descriptor that was received
//   counter NAME, count NAME MS                           an eventfd; what it counted, 0 after that time
//   close NAME
//
// Answers are JSON: `{"id":1,"command":9,"flags":1,"error":0,"body":"...","fds":["r0"]}`, `{"bytes":"..."}`, `{"count":1}`,
// `{"done":true}`, or `{"failed":"..."}`.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "round.h"
#include "vfio-user/bench.h"
#include "vfio-user/message.h"

enum { MOST_NAMES = 1024, MOST_WORDS = 32, MOST_LINE = 3 << 20 };

static struct {
  char name[16];
  int fd;
} names[MOST_NAMES];
static int name_count;
static int received_count;

static struct message message;
static uint8_t bytes[VU_MAX_BODY];

static int connect_to(const char* path) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof name.sun_path) fail("a socket's path has at most 107 bytes");
  strcpy(name.sun_path, path);
  const int fd = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(connect(fd, (const struct sockaddr*)&name, sizeof name), "connect");
  return fd;
}

static void give_name(const char* name, int fd) {
  if (fd < 0 || name_count == MOST_NAMES) fail(name);
  snprintf(names[name_count].name, sizeof names->name, "%s", name);
  names[name_count++].fd = fd;
}

static int find(const char* name) {
  for (int i = name_count - 1; i >= 0; --i) {
    if (strcmp(names[i].name, name) == 0) return i;
  }
  errno = ENOENT;
  fail(name);
}

static int fd_of(const char* name) { return names[find(name)].fd; }

// Bytes that a word of hexadecimal has.
static uint32_t unhex(const char* word) {
  uint32_t size = 0;
  if (strcmp(word, "-") == 0) return 0;
  for (; word[0] != 0 && word[1] != 0 && size < sizeof bytes; word += 2) {
    const char digits[] = {word[0], word[1], 0};
    bytes[size++] = (uint8_t)strtoul(digits, NULL, 16);
  }
  return size;
}

static void print_hex(const uint8_t* from, uint32_t size) {
  for (uint32_t i = 0; i < size; ++i) printf("%02x", from[i]);
}

static void done(int succeeded) {
  if (succeeded) printf("{\"done\":true}\n");
  else printf("{\"failed\":\"%s\"}\n", strerror(errno));
}

static void take_names(char** words, int count) {
  message.fd_count = count;
  for (int i = 0; i < count; ++i) message.fds[i] = fd_of(words[i]);
}

static void do_send(char** words, int count) {
  message.header = (struct vu_header){
      .id = (uint16_t)atoi(words[2]), .command = (uint16_t)atoi(words[3]), .flags = (uint32_t)strtoul(words[4], NULL, 0),
      .error = (uint32_t)atoi(words[5])};
  message.size = unhex(words[6]);
  memcpy(message.body, bytes, message.size);
  take_names(words + 7, count - 7);
  done(send_message(fd_of(words[1]), &message));
}

static void do_raw(char** words, int count) {
  const uint32_t size = unhex(words[2]);
  union {
    char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
    struct cmsghdr aligned;
  } control = {0};
  take_names(words + 3, count - 3);
  struct iovec vector = {bytes, size};
  struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
  if (message.fd_count > 0) {
    header.msg_control = &control;
    header.msg_controllen = CMSG_SPACE(message.fd_count * sizeof(int));
    struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    *part = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(message.fd_count * sizeof(int))};
    memcpy(CMSG_DATA(part), message.fds, message.fd_count * sizeof(int));
  }
  done(sendmsg(fd_of(words[1]), &header, MSG_NOSIGNAL) == (ssize_t)size);
}

static int is_readable(int fd, const char* ms) {
  struct pollfd waiting = {.fd = fd, .events = POLLIN};
  return check(poll(&waiting, 1, atoi(ms)), "poll") == 1;
}

static void do_receive(char** words, int count) {
  (void)count;
  const int socket = fd_of(words[1]);
  if (!is_readable(socket, words[2])) {
    printf("{\"failed\":\"timeout\"}\n");
    return;
  }
  if (!receive_message(socket, &message)) {
    printf("{\"failed\":\"closed\"}\n");
    return;
  }
  printf("{\"id\":%u,\"command\":%u,\"flags\":%u,\"error\":%u,\"body\":\"", message.header.id, message.header.command,
         message.header.flags, message.header.error);
  print_hex(message.body, message.size);
  printf("\",\"fds\":[");
  for (int i = 0; i < message.fd_count; ++i) {
    char name[16];
    snprintf(name, sizeof name, "r%d", received_count++);
    give_name(name, message.fds[i]);
    printf("%s\"%s\"", i > 0 ? "," : "", name);
  }
  printf("]}\n");
}

static void do_memory(char** words, int count) {
  (void)count;
  const int fd = check(memfd_create(words[1], MFD_CLOEXEC), "memfd_create");
  give_name(words[1], fd);
  done(ftruncate(fd, strtoll(words[2], NULL, 0)) == 0);
}

static void do_poke(char** words, int count) {
  (void)count;
  const uint32_t size = unhex(words[3]);
  done(pwrite(fd_of(words[1]), bytes, size, strtoll(words[2], NULL, 0)) == (ssize_t)size);
}

static void do_peek(char** words, int count) {
  (void)count;
  const unsigned long size = strtoul(words[3], NULL, 0);
  if (size > sizeof bytes || pread(fd_of(words[1]), bytes, size, strtoll(words[2], NULL, 0)) != (ssize_t)size) {
    done(0);
    return;
  }
  printf("{\"bytes\":\"");
  print_hex(bytes, (uint32_t)size);
  printf("\"}\n");
}

static void do_counter(char** words, int count) {
  (void)count;
  give_name(words[1], check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
  done(1);
}

static void do_count(char** words, int count) {
  (void)count;
  uint64_t counted = 0;
  const int fd = fd_of(words[1]);
  if (is_readable(fd, words[2]) && read(fd, &counted, sizeof counted) != sizeof counted) counted = 0;
  printf("{\"count\":%llu}\n", (unsigned long long)counted);
}

static void do_close(char** words, int count) {
  (void)count;
  const int at = find(words[1]);
  const int result = close(names[at].fd);
  names[at] = names[--name_count];
  done(result == 0);
}

static const struct {
  const char* name;
  int least;  // words
  void (*run)(char** words, int count);
} commands[] = {
    {"send", 7, do_send}, {"raw", 3, do_raw},         {"receive", 3, do_receive}, {"memory", 3, do_memory}, {"poke", 4, do_poke},
    {"peek", 4, do_peek}, {"counter", 2, do_counter}, {"count", 3, do_count},     {"close", 2, do_close},
};

static void run(char* line) {
  char* words[MOST_WORDS];
  int count = 0;
  for (char* word = strtok(line, " \n"); word != NULL && count < MOST_WORDS; word = strtok(NULL, " \n")) words[count++] = word;
  for (size_t i = 0; count > 0 && i < sizeof commands / sizeof *commands; ++i) {
    if (strcmp(words[0], commands[i].name) != 0 || count < commands[i].least) continue;
    commands[i].run(words, count);
    fflush(stdout);
    return;
  }
  errno = EINVAL;
  fail(count > 0 ? words[0] : "an empty line");
}

static void drive(int socket) {
  char* line = malloc(MOST_LINE);
  if (line == NULL) fail("malloc");
  give_name("main", socket);
  while (fgets(line, MOST_LINE, stdin) != NULL) run(line);
}

// Left alone, the kernel puts both ends of a socket on one processor in one language and on two in another.
static void become(int wanted, char** argv) {
  cpu_set_t allowed;
  cpu_set_t chosen;
  check(sched_getaffinity(0, sizeof allowed, &allowed), "sched_getaffinity");
  CPU_ZERO(&chosen);
  wanted %= CPU_COUNT(&allowed);
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(i, &allowed) && wanted-- == 0) CPU_SET(i, &chosen);
  }
  check(sched_setaffinity(0, sizeof chosen, &chosen), "sched_setaffinity");
  execvp(argv[0], argv);
  fail(argv[0]);
}

int main(int argc, char** argv) {
  if (argc >= 4 && strcmp(argv[1], "on") == 0) become(abs(atoi(argv[2])), argv + 3);
  else if (argc == 3 && strcmp(argv[1], "drive") == 0) drive(connect_to(argv[2]));
  else if (argc == 4 && strcmp(argv[1], "bench") == 0) bench(connect_to(argv[2]), argv[3]);
  else {
    errno = EINVAL;
    fail("vfio-user-client drive PATH | bench PATH WHAT | on N PROGRAM ...");
  }
  return 0;
}
