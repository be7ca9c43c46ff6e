// Messages of a stream socket, with their descriptors.
#pragma once

#include "wire.h"

struct message {
  struct vu_header header;
  uint32_t size;  // bytes of the body
  int fd_count;
  int fds[VU_MAX_FDS];
  _Alignas(16) uint8_t body[VU_MAX_BODY];
};

// Takes one message from a blocking socket. Its descriptors are the caller's.
//
// Answers 1; 0 if the other end has closed, has sent what is no message, or died in the middle of one.
int receive_message(int socket, struct message* message);

// Sends a message in one call, its length filled in. Answers 1, or 0 if the other end has gone.
int send_message(int socket, struct message* message);

// Closes the descriptors of a message that nobody has taken (made -1).
void close_fds(struct message* message);
