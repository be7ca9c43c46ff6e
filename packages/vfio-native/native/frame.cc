// Messages on a stream socket, with descriptors. One begins with a header of 16 bytes that says at byte 4 how long all of it
// is. A call takes one message, and never a byte of the next: descriptors could not be told apart then.
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "call.h"
#include "deadline.h"
#include "environment.h"
#include "functions.h"
#include "syscall.h"

namespace {

constexpr size_t kHeader = 16;
constexpr size_t kSizeAt = 4;
// The kernel's own limit for one message (SCM_MAX_FD in net/scm.h).
constexpr size_t kMostDescriptors = 253;

union Control {
  cmsghdr alignment;
  char room[CMSG_SPACE(kMostDescriptors * sizeof(int))];
};

// How much of a message has come. JavaScript keeps it in an Int32Array: bytes, number of descriptors, descriptors.
class Progress {
 public:
  explicit Progress(const Bytes& input) : words_(reinterpret_cast<int32_t*>(input.data)), most_(input.length - 2) {}

  size_t bytes() const { return static_cast<size_t>(words_[0]); }
  size_t most() const { return std::min(most_, kMostDescriptors); }
  void Begin() {
    if (words_[0] == 0) words_[1] = 0;
  }
  void Advance(size_t count) { words_[0] += static_cast<int32_t>(count); }
  void Finish() { words_[0] = 0; }
  // False if there is no room for the descriptor, which is then still the caller's.
  bool Take(int fd) {
    if (static_cast<size_t>(words_[1]) >= most_) return false;
    words_[2 + words_[1]++] = fd;
    return true;
  }

 private:
  int32_t* words_;
  size_t most_;
};

struct Frame {
  Environment& environment;
  int fd;
  Bytes target;
  Progress progress;
};

// Waits until the socket can be read (or written), or the deadline: 0, -EAGAIN, or another negative errno.
int64_t WaitFor(int fd, short events, int64_t deadline) {
  for (;;) {
    const int64_t left = deadline < 0 ? 0 : deadline - Now();
    if (deadline >= 0 && left <= 0) return -EAGAIN;
    pollfd entry{fd, events, 0};
    const timespec timeout{left / kSecond, left % kSecond};
    const int64_t ready = Checked(ppoll(&entry, 1, deadline < 0 ? nullptr : &timeout, nullptr));
    if (ready > 0) return 0;
    if (ready < 0 && ready != -EINTR) return ready;
  }
}

// Makes received descriptors this environment's own. False if some did not fit, or the kernel dropped some; those are closed.
bool TakeDescriptors(Frame& frame, msghdr* message) {
  bool whole = (message->msg_flags & MSG_CTRUNC) == 0;
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      if (frame.progress.Take(fd)) {
        frame.environment.ledger.Opened(fd);
      } else {
        close(fd);
        whole = false;
      }
    }
  }
  return whole;
}

// Reads up to `length` bytes more, with what descriptors come along: only with the first, as those of a message do. The kernel
// closes what comes with later bytes, and the shorter call takes a fifth less.
int64_t ReadSome(Frame& frame, size_t length, int flags) {
  if (frame.progress.bytes() > 0) {
    return SystemCall(SYS_recvfrom, frame.fd, frame.target.data + frame.progress.bytes(), static_cast<int64_t>(length),
                      flags);
  }
  iovec vector{frame.target.data + frame.progress.bytes(), length};
  Control control;
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.room;
  message.msg_controllen = CMSG_LEN(frame.progress.most() * sizeof(int));
  const int64_t result = SystemCall(SYS_recvmsg, frame.fd, &message, flags | MSG_CMSG_CLOEXEC);
  if (result < 0) return result;
  // Where none fits, or the process can have no more, there is no control message, and only a flag tells.
  const bool brings = message.msg_controllen > 0 || (message.msg_flags & MSG_CTRUNC) != 0;
  return brings && !TakeDescriptors(frame, &message) ? -EMFILE : result;
}

// How many bytes are to come before the message is whole, or is known to be none: 0, or a negative errno.
int64_t Missing(const Frame& frame) {
  const size_t have = frame.progress.bytes();
  if (have < kHeader) return static_cast<int64_t>(kHeader - have);
  uint32_t size = 0;
  std::memcpy(&size, frame.target.data + kSizeAt, sizeof size);
  if (size < kHeader) return -EPROTO;
  if (size > frame.target.length) return -EMSGSIZE;
  return static_cast<int64_t>(size - have);
}

// One message. `sleeps`: the socket itself ends a read after the time that SocketTimeout gave it, which saves a call.
int64_t Receive(Frame& frame, int64_t deadline, bool sleeps) {
  frame.progress.Begin();
  for (;;) {
    const int64_t missing = Missing(frame);
    if (missing < 0) return missing;
    if (missing == 0) {
      const auto size = static_cast<int64_t>(frame.progress.bytes());
      frame.progress.Finish();
      return size;
    }
    const int64_t result = ReadSome(frame, static_cast<size_t>(missing), sleeps ? 0 : MSG_DONTWAIT);
    if (result == 0) return frame.progress.bytes() == 0 ? 0 : -ECONNRESET;
    if (result > 0) frame.progress.Advance(static_cast<size_t>(result));
    if (result < 0 && result != -EINTR && (sleeps || result != -EAGAIN)) return result;
    // What is left is there already, or is waited for until the deadline.
    sleeps = false;
    if (result == -EAGAIN) {
      const int64_t waited = deadline == 0 ? -EAGAIN : WaitFor(frame.fd, POLLIN, deadline);
      if (waited < 0) return waited;
    }
  }
}

// Sends bytes, with descriptors if there are any.
int64_t SendSome(int fd, const Bytes& bytes, const Bytes& fds) {
  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  // Without descriptors the shorter call does, which takes a fifth less.
  if (fds.length == 0) return SystemCall(SYS_sendto, fd, bytes.data, static_cast<int64_t>(bytes.length), flags);
  const size_t length = fds.length * sizeof(int);
  iovec vector{bytes.data, bytes.length};
  Control control;
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.room;
  message.msg_controllen = CMSG_SPACE(length);
  control.alignment.cmsg_level = SOL_SOCKET;
  control.alignment.cmsg_type = SCM_RIGHTS;
  control.alignment.cmsg_len = CMSG_LEN(length);
  std::memcpy(CMSG_DATA(&control.alignment), fds.data, length);
  return SystemCall(SYS_sendmsg, fd, &message, flags);
}

// All of the bytes, or as many as could be sent until the deadline (0: at once). The descriptors go with the first of them.
int64_t Send(int fd, Bytes bytes, Bytes fds, int64_t deadline) {
  int64_t sent = 0;
  for (;;) {
    const int64_t result = SendSome(fd, bytes, fds);
    if (result >= 0) {
      sent += result;
      bytes.data += result;
      bytes.length -= static_cast<size_t>(result);
      fds.length = 0;
      if (bytes.length == 0) return sent;
    } else if (result == -EAGAIN) {
      const int64_t waited = deadline == 0 ? -EAGAIN : WaitFor(fd, POLLOUT, deadline);
      if (waited < 0) return sent > 0 && waited == -EAGAIN ? sent : waited;
    } else if (result != -EINTR) {
      return result;
    }
  }
}

Bytes Words(Call& call, size_t index, const char* name) {
  return call.TypedArray(index, name, napi_int32_array, "an Int32Array");
}

int64_t DeadlineOf(double timeout_ms) { return timeout_ms == 0 ? 0 : Deadline(timeout_ms); }

bool Sound(const Bytes& target, const Bytes& state) {
  if (target.length < kHeader || target.length > INT32_MAX || state.length < 2) return false;
  const int32_t have = reinterpret_cast<const int32_t*>(state.data)[0];
  const int32_t count = reinterpret_cast<const int32_t*>(state.data)[1];
  return have >= 0 && static_cast<size_t>(have) <= target.length && count >= 0 &&
         static_cast<size_t>(count) <= state.length - 2;
}

}  // namespace

napi_value SocketTimeout(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const int64_t milliseconds = call.Integer(1, "timeoutMs", 1, INT32_MAX);
  if (call.failed()) return nullptr;
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0) return Result(env, -errno);
  const timeval timeout{milliseconds / 1000, milliseconds % 1000 * 1000};
  const int64_t result = Checked(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
  if (result < 0) return Result(env, result);
  return Result(env, Checked(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout)));
}

napi_value ReceiveFrame(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes target = call.Uint8Array(1, "target");
  const Bytes state = Words(call, 2, "state");
  const double timeout = call.Number(3, "timeoutMs");
  const bool sleeps = call.Given(4) && call.Boolean(4, "sleeps");
  if (call.failed()) return nullptr;
  if (!Sound(target, state) || std::isnan(timeout)) return Result(env, -EINVAL);
  Frame frame{call.environment(), fd, target, Progress(state)};
  return Result(env, Receive(frame, DeadlineOf(timeout), sleeps));
}

napi_value SendFrame(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes bytes = call.Uint8Array(1, "bytes");
  const Bytes fds = Words(call, 2, "fds");
  const double timeout = call.Number(3, "timeoutMs");
  if (call.failed()) return nullptr;
  if (bytes.length == 0 || fds.length > kMostDescriptors || std::isnan(timeout)) return Result(env, -EINVAL);
  return Result(env, Send(fd, bytes, fds, DeadlineOf(timeout)));
}

napi_value ExchangeFrames(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes request = call.Uint8Array(1, "request");
  const Bytes target = call.Uint8Array(2, "target");
  const Bytes state = Words(call, 3, "state");
  const double timeout = call.Number(4, "timeoutMs");
  if (call.failed()) return nullptr;
  if (!Sound(target, state) || request.length == 0 || !(timeout > 0)) return Result(env, -EINVAL);
  const int64_t deadline = Deadline(timeout);
  const int64_t sent = Send(fd, request, Bytes{}, deadline);
  if (sent < 0) return Result(env, sent);
  if (static_cast<size_t>(sent) < request.length) return Result(env, -EAGAIN);
  Frame frame{call.environment(), fd, target, Progress(state)};
  return Result(env, Receive(frame, deadline, true));
}
