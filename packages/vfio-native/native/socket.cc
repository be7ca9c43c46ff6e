// UNIX sockets that carry descriptors.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "call.h"
#include "environment.h"
#include "functions.h"

namespace {

// The kernel's own limit for one message (SCM_MAX_FD in net/scm.h).
constexpr uint32_t kMostDescriptors = 253;

// Room for a control message with `count` descriptors, aligned as the kernel wants it.
std::vector<cmsghdr> ControlRoom(size_t count) {
  const size_t space = count == 0 ? 0 : CMSG_SPACE(count * sizeof(int));
  return std::vector<cmsghdr>((space + sizeof(cmsghdr) - 1) / sizeof(cmsghdr));
}

// The descriptors of a received message; there may be several control messages.
std::vector<int> ReceivedDescriptors(msghdr* message) {
  std::vector<int> fds;
  for (cmsghdr* header = CMSG_FIRSTHDR(message); header != nullptr; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const size_t before = fds.size();
    fds.resize(before + count);
    std::memcpy(fds.data() + before, CMSG_DATA(header), count * sizeof(int));
  }
  return fds;
}

// bind and connect: both take an address, which is a path with its NUL, or a NUL with a name.
template <typename SystemCall>
napi_value WithAddress(napi_env env, napi_callback_info info, SystemCall system_call) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes name = call.Uint8Array(1, "name");
  if (call.failed()) return nullptr;
  sockaddr_un address{};
  if (name.length > sizeof address.sun_path) return Result(env, -ENAMETOOLONG);
  address.sun_family = AF_UNIX;
  if (name.length > 0) std::memcpy(address.sun_path, name.data, name.length);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.length);
  return Result(env, Retried([&] { return system_call(fd, reinterpret_cast<sockaddr*>(&address), length); }));
}

Napi::Array ToArray(Napi::Env env, const std::vector<int>& fds) {
  Napi::Array array = Napi::Array::New(env, fds.size());
  for (size_t i = 0; i < fds.size(); ++i) array.Set(static_cast<uint32_t>(i), static_cast<double>(fds[i]));
  return array;
}

}  // namespace

napi_value Socketpair(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int type = call.Int(0, "type");
  if (call.failed()) return nullptr;
  std::vector<int> ends(2);
  const int64_t result = Checked(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()));
  if (result < 0) return Result(env, result);
  for (const int fd : ends) call.environment().ledger.Opened(fd);
  return ToArray(env, ends);
}

napi_value Socket(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int type = call.Int(0, "type");
  if (call.failed()) return nullptr;
  return Result(env, call.environment().ledger.Recorded(Checked(socket(AF_UNIX, type | SOCK_CLOEXEC, 0))));
}

napi_value Bind(napi_env env, napi_callback_info info) { return WithAddress(env, info, bind); }

napi_value Connect(napi_env env, napi_callback_info info) { return WithAddress(env, info, connect); }

napi_value Listen(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const int backlog = call.Int(1, "backlog");
  if (call.failed()) return nullptr;
  return Result(env, Checked(listen(fd, backlog)));
}

napi_value Accept(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  const int64_t accepted = Retried([&] { return accept4(fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
  return Result(env, call.environment().ledger.Recorded(accepted));
}

napi_value Shutdown(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const int how = call.Int(1, "how");
  if (call.failed()) return nullptr;
  return Result(env, Checked(shutdown(fd, how)));
}

napi_value Peer(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  ucred credentials{};
  socklen_t length = sizeof credentials;
  const int64_t result = Checked(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length));
  if (result < 0) return Result(env, result);
  Napi::Object peer = Napi::Object::New(env);
  peer.Set("pid", static_cast<double>(credentials.pid));
  peer.Set("uid", static_cast<double>(credentials.uid));
  peer.Set("gid", static_cast<double>(credentials.gid));
  return peer;
}

napi_value Sendmsg(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const std::vector<int> fds = call.Descriptors(2, "fds", kMostDescriptors);
  const Bytes bytes = call.Uint8Array(1, "bytes");
  if (call.failed()) return nullptr;

  iovec vector{bytes.data, bytes.length};
  std::vector<cmsghdr> control = ControlRoom(fds.size());
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  if (!fds.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    control[0].cmsg_level = SOL_SOCKET;
    control[0].cmsg_type = SCM_RIGHTS;
    control[0].cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(control.data()), fds.data(), fds.size() * sizeof(int));
  }
  return Result(env, Retried([&] { return sendmsg(fd, &message, MSG_NOSIGNAL); }));
}

napi_value Recvmsg(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes target = call.Uint8Array(1, "target");
  const auto most = static_cast<uint32_t>(call.Integer(2, "maxFds", 0, kMostDescriptors));
  if (call.failed()) return nullptr;

  iovec vector{target.data, target.length};
  std::vector<cmsghdr> control = ControlRoom(most);
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = most == 0 ? 0 : CMSG_LEN(most * sizeof(int));
  const int64_t result = Retried([&] { return recvmsg(fd, &message, MSG_CMSG_CLOEXEC); });
  if (result < 0) return Result(env, result);

  std::vector<int> fds = ReceivedDescriptors(&message);
  const bool truncated = (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
  if (truncated) {
    for (const int received : fds) close(received);
    fds.clear();
  }
  for (const int received : fds) call.environment().ledger.Opened(received);
  Napi::Object received = Napi::Object::New(env);
  received.Set("bytes", static_cast<double>(result));
  received.Set("fds", ToArray(env, fds));
  received.Set("truncated", truncated);
  return received;
}
