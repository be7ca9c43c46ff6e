// A vfio-user server in blocking C, for one client at a time: the device of vfio-user/device.h.
//
//   vfio-user-server PATH     serves clients one after the other
//     --log FILE              writes each message that it gets to a file as `command flags fds body`, in hexadecimal
//     --messages              maps no memory of the client: all DMA is by messages
//
// Says "listening" as its first line.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "round.h"
#include "vfio-user/device.h"
#include "vfio-user/message.h"

static int client = -1;
static int twin = -1;  // where commands to the client go; -1: to the same socket
static int client_has_twin;
static FILE* log_file;
static int is_greeted;
static uint16_t next_id;

static struct message request;
static struct message reply;
static struct message asked;
struct message answer;

static int append(const void* bytes, uint32_t size) {
  memcpy(reply.body + reply.size, bytes, size);
  reply.size += size;
  return 0;
}

// A feature by its name in the client's JSON, which is not parsed: it is for tests.
static int offers(const char* text, const char* name) {
  const char* at = strstr(text, name);
  const char* supported = at != NULL ? strstr(at, "\"supported\"") : NULL;
  return supported != NULL && strstr(supported, "true") != NULL;
}

static int greet(void) {
  struct vu_version version;
  memcpy(&version, request.body, sizeof version);
  if (version.major != 0) return EINVAL;
  const char* text = (const char*)request.body + sizeof version;
  if (request.size > sizeof version) {
    if (request.body[request.size - 1] != 0) return EINVAL;
    client_has_twin = offers(text, "twin_socket");
  }
  if (version.minor > 2) version.minor = 2;
  append(&version, sizeof version);
  if (client_has_twin) {
    int ends[2];
    check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
    twin = ends[0];
    reply.fds[reply.fd_count++] = ends[1];
  }
  char json[512];
  const int length = snprintf(
      json, sizeof json,
      "{\"capabilities\":{\"max_msg_fds\":%d,\"max_data_xfer_size\":%d,\"pgsizes\":4096,\"write_multiple\":true,"
      "\"migration\":{\"pgsize\":4096}%s}}",
      VU_MAX_FDS, VU_MAX_DATA, client_has_twin ? ",\"twin_socket\":{\"supported\":true,\"fd_index\":0}" : "");
  is_greeted = 1;
  return append(json, (uint32_t)length + 1);
}

static int get_info(void) {
  struct vu_device_info info;
  memcpy(&info, request.body, sizeof info);
  if (info.argsz < sizeof info) return EINVAL;
  info = (struct vu_device_info){sizeof info, VU_DEVICE_RESETS | VU_DEVICE_PCI, REGIONS, VU_IRQS};
  return append(&info, sizeof info);
}

static int get_region_info(void) {
  static const struct vu_area areas[] = {{0x1000, 0x1000}, {0x3000, 0x1000}};
  const struct vu_sparse sparse = {VU_CAP_SPARSE_MMAP, 1, 0, 2, 0};
  struct vu_region_info info;
  memcpy(&info, request.body, sizeof info);
  if (info.argsz < sizeof info || info.index >= REGIONS) return EINVAL;
  const uint32_t room = info.argsz;
  const uint64_t size = region_size(info.index);
  info = (struct vu_region_info){sizeof info, size ? VU_REGION_READS | VU_REGION_WRITES : 0, info.index, 0, size, 0};
  if (info.index != BAR_MEMORY) return append(&info, sizeof info);
  info.argsz += sizeof sparse + sizeof areas;
  info.flags |= VU_REGION_MMAP;
  if (room < info.argsz) return append(&info, sizeof info);
  info.flags |= VU_REGION_CAPS;
  info.cap_offset = sizeof info;
  append(&info, sizeof info);
  append(&sparse, sizeof sparse);
  reply.fds[reply.fd_count++] = check(dup(device_memory_fd), "dup");
  return append(areas, sizeof areas);
}

static int get_io_fds(void) {
  struct vu_io_fds ask;
  memcpy(&ask, request.body, sizeof ask);
  if (ask.argsz < sizeof ask || ask.flags != 0 || ask.count != 0 || region_size(ask.index) == 0) return EINVAL;
  const struct vu_io_fds none = {sizeof none, 0, ask.index, 0};
  return append(&none, sizeof none);
}

static int get_irq_info(void) {
  struct vu_irq_info info;
  memcpy(&info, request.body, sizeof info);
  if (info.argsz < sizeof info || irq_vectors(info.index) < 0) return EINVAL;
  info = (struct vu_irq_info){sizeof info, irq_flags(info.index), info.index, (uint32_t)irq_vectors(info.index)};
  return append(&info, sizeof info);
}

static int read_region(void) {
  struct vu_region_access access;
  memcpy(&access, request.body, sizeof access);
  if (access.count > VU_MAX_DATA) return EINVAL;
  append(&access, sizeof access);
  const int error = region_read(access.region, access.offset, access.count, reply.body + reply.size);
  reply.size += access.count;
  return error;
}

static int write_region(void) {
  struct vu_region_access access;
  memcpy(&access, request.body, sizeof access);
  if (access.count != request.size - sizeof access) return EINVAL;
  append(&access, sizeof access);
  return region_write(access.region, access.offset, access.count, request.body + sizeof access);
}

static int write_multi(void) {
  struct vu_write_multi_entry entry;
  uint64_t done = 0;
  uint64_t count;
  memcpy(&count, request.body, sizeof count);
  if ((request.size - sizeof count) % sizeof entry != 0 || count != (request.size - sizeof count) / sizeof entry) return EINVAL;
  for (; done < count; ++done) {
    memcpy(&entry, request.body + sizeof count + done * sizeof entry, sizeof entry);
    if (entry.count > sizeof entry.data) return EINVAL;
    const int error = region_write(entry.region, entry.offset, entry.count, entry.data);
    if (error != 0) return error;
  }
  return append(&done, sizeof done);
}

static int reset(void) {
  device_reset();
  return 0;
}

static int map_dma(void) { return dma_map(&request); }
static int unmap_dma(void) {
  const int error = dma_unmap(&request);
  return error != 0 ? error : append(request.body, sizeof(struct vu_dma_unmap));
}
static int set_irqs(void) { return irq_set(&request); }
static int ask_feature(void) { return feature(&request, &reply); }
static int read_migration(void) { return migration_read(&request, &reply); }
static int write_migration(void) { return migration_write(&request); }

static const struct {
  int (*handle)(void);
  uint32_t least;  // bytes of the body
} handlers[VU_COMMANDS] = {
    [VU_VERSION] = {greet, sizeof(struct vu_version)},
    [VU_DMA_MAP] = {map_dma, sizeof(struct vu_dma_map)},
    [VU_DMA_UNMAP] = {unmap_dma, sizeof(struct vu_dma_unmap)},
    [VU_DEVICE_GET_INFO] = {get_info, sizeof(struct vu_device_info)},
    [VU_DEVICE_GET_REGION_INFO] = {get_region_info, sizeof(struct vu_region_info)},
    [VU_DEVICE_GET_REGION_IO_FDS] = {get_io_fds, sizeof(struct vu_io_fds)},
    [VU_DEVICE_GET_IRQ_INFO] = {get_irq_info, sizeof(struct vu_irq_info)},
    [VU_DEVICE_SET_IRQS] = {set_irqs, sizeof(struct vu_set_irqs)},
    [VU_REGION_READ] = {read_region, sizeof(struct vu_region_access)},
    [VU_REGION_WRITE] = {write_region, sizeof(struct vu_region_access)},
    [VU_DEVICE_RESET] = {reset, 0},
    [VU_REGION_WRITE_MULTI] = {write_multi, sizeof(struct vu_write_multi)},
    [VU_DEVICE_FEATURE] = {ask_feature, sizeof(struct vu_feature)},
    [VU_MIG_DATA_READ] = {read_migration, sizeof(struct vu_mig_data)},
    [VU_MIG_DATA_WRITE] = {write_migration, sizeof(struct vu_mig_data)},
};

static int handle(void) {
  const uint16_t command = request.header.command;
  if (command >= VU_COMMANDS || handlers[command].handle == NULL) return ENOTSUP;
  if (is_greeted == (command == VU_VERSION)) return EINVAL;
  return request.size < handlers[command].least ? EINVAL : handlers[command].handle();
}

// To a file, which takes it at once: whoever reads the log may be waiting for the answer.
static void log_message(const struct message* message) {
  fprintf(log_file, "%u %x %d ", message->header.command, message->header.flags, message->fd_count);
  for (uint32_t i = 0; i < message->size; ++i) fprintf(log_file, "%02x", message->body[i]);
  fprintf(log_file, "\n");
  fflush(log_file);
}

// Answers `request`. Answers 0 if the client has gone.
static int answer_request(void) {
  reply.size = 0;
  reply.fd_count = 0;
  const int error = handle();
  close_fds(&request);
  int alive = 1;
  if ((request.header.flags & VU_NO_REPLY) == 0) {
    reply.header = request.header;
    reply.header.flags = VU_TYPE_REPLY | (error != 0 ? VU_ERROR : 0);
    reply.header.error = (uint32_t)error;
    if (error != 0) {
      close_fds(&reply);
      reply.size = 0;
    }
    alive = send_message(client, &reply);
  }
  close_fds(&reply);
  return alive;
}

// Takes one message from a socket. Answers 1 if it was answered, 2 if it is the answer that is waited for, 0 at the end.
static int take(int socket) {
  struct message* into = socket == client ? &request : &answer;
  if (!receive_message(socket, into)) return 0;
  if (log_file != NULL) log_message(into);
  if ((into->header.flags & VU_TYPE) == VU_TYPE_COMMAND) return socket == client && answer_request();
  if (into != &answer) memcpy(&answer, into, offsetof(struct message, body) + into->size);
  return answer.header.id == asked.header.id && answer.header.command == asked.header.command ? 2 : 0;
}

int ask_client(uint16_t command, const void* body, uint32_t size, const void* data, uint32_t data_size) {
  asked.header = (struct vu_header){.id = next_id++, .command = command};
  memcpy(asked.body, body, size);
  if (data_size > 0) memcpy(asked.body + size, data, data_size);
  asked.size = size + data_size;
  if (!send_message(twin >= 0 ? twin : client, &asked)) return EPIPE;
  struct pollfd sockets[] = {{.fd = client, .events = POLLIN}, {.fd = twin, .events = POLLIN}};
  for (;;) {
    check(poll(sockets, 2, -1), "poll");
    const int taken = take(sockets[1].revents != 0 ? twin : client);
    if (taken == 0) {
      shutdown(client, SHUT_RDWR);
      return EPIPE;
    }
    if (taken == 2) return device_runs() ? 0 : ECANCELED;
  }
}

static void serve_client(void) {
  while (take(client) == 1) device_work();
  close(client);
  if (twin >= 0) close(twin);
  twin = -1;
  client_has_twin = is_greeted = 0;
  irq_disconnect();
  dma_forget();
  log_stop();
  migration_reset();
  device_reset();
}

int main(int argc, char** argv) {
  struct sockaddr_un name = {.sun_family = AF_UNIX};
  if (argc < 2 || strlen(argv[1]) >= sizeof name.sun_path) fail("vfio-user-server PATH [--messages] [--log FILE]");
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "--messages") == 0) dma_by_messages = 1;
    if (strcmp(argv[i], "--log") == 0 && i + 1 < argc && (log_file = fopen(argv[++i], "w")) == NULL) fail(argv[i]);
  }
  strcpy(name.sun_path, argv[1]);
  device_create();
  const int listener = check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  check(bind(listener, (const struct sockaddr*)&name, sizeof name), "bind");
  check(listen(listener, 1), "listen");
  printf("listening\n");
  fflush(stdout);
  for (;;) {
    client = check(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept4");
    serve_client();
  }
}
