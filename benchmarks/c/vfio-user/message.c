#define _GNU_SOURCE
#include "message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
  char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
  struct cmsghdr aligned;
};

static void take_fds(struct msghdr* from, struct message* message) {
  message->fd_count = 0;
  for (struct cmsghdr* part = CMSG_FIRSTHDR(from); part != NULL; part = CMSG_NXTHDR(from, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    message->fd_count = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(message->fds, CMSG_DATA(part), message->fd_count * sizeof(int));
  }
}

// Descriptors come with the first byte, so the header is taken alone: what is read past a message would bring those of the next.
static int receive_header(int socket, struct message* message) {
  union control control;
  struct iovec vector = {&message->header, sizeof message->header};
  struct msghdr header = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t got;
  do got = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  message->fd_count = 0;
  if (got <= 0) return 0;
  take_fds(&header, message);
  return got == sizeof message->header && (header.msg_flags & MSG_CTRUNC) == 0;
}

static int receive_body(int socket, uint8_t* bytes, size_t size) {
  while (size > 0) {
    const ssize_t got = recv(socket, bytes, size, MSG_WAITALL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return 0;
    bytes += got;
    size -= (size_t)got;
  }
  return 1;
}

int receive_message(int socket, struct message* message) {
  if (!receive_header(socket, message)) {
    close_fds(message);
    return 0;
  }
  const uint32_t size = message->header.size;
  if (size >= sizeof message->header && size - sizeof message->header <= VU_MAX_BODY) {
    message->size = size - sizeof message->header;
    if (message->size == 0 || receive_body(socket, message->body, message->size)) return 1;
  }
  close_fds(message);
  return 0;
}

int send_message(int socket, struct message* message) {
  message->header.size = sizeof message->header + message->size;
  union control control;
  struct iovec vectors[] = {{&message->header, sizeof message->header}, {message->body, message->size}};
  struct msghdr header = {.msg_iov = vectors, .msg_iovlen = message->size > 0 ? 2 : 1};
  if (message->fd_count > 0) {
    header.msg_control = &control;
    header.msg_controllen = CMSG_SPACE(message->fd_count * sizeof(int));
    memset(&control, 0, sizeof control);
    struct cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(message->fd_count * sizeof(int));
    memcpy(CMSG_DATA(part), message->fds, message->fd_count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(socket, &header, MSG_NOSIGNAL);
  while (sent < 0 && errno == EINTR);
  if (sent < (ssize_t)sizeof message->header) return 0;
  // A long body may not fit the socket's buffer at once.
  for (size_t done = (size_t)sent - sizeof message->header; done < message->size; done += (size_t)sent) {
    sent = send(socket, message->body + done, message->size - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) sent = 0;
    else if (sent <= 0) return 0;
  }
  return 1;
}

void close_fds(struct message* message) {
  for (int i = 0; i < message->fd_count; ++i) {
    if (message->fds[i] >= 0) close(message->fds[i]);
  }
  message->fd_count = 0;
}
