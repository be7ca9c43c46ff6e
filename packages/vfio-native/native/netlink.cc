// Netlink sockets (netlink(7)), by which the kernel tells of what happens by itself, such as uevents.
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "call.h"
#include "environment.h"
#include "functions.h"

namespace {

// The addresses of a sender: its port, 0 for the kernel, and the groups that it sent to.
constexpr size_t kSender = 2;

}  // namespace

napi_value Netlink(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int protocol = call.Int(0, "protocol");
  const uint32_t groups = call.Unsigned(1, "groups");
  if (call.failed()) return nullptr;
  const int64_t fd = Checked(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (fd < 0) return Result(env, fd);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  const int64_t bound = Checked(bind(static_cast<int>(fd), reinterpret_cast<sockaddr*>(&address), sizeof address));
  if (bound < 0) {
    close(static_cast<int>(fd));
    return Result(env, bound);
  }
  return Result(env, call.environment().ledger.Recorded(fd));
}

napi_value NetlinkReceive(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes target = call.Uint8Array(1, "target");
  const Bytes sender = call.TypedArray(2, "sender", napi_uint32_array, "a Uint32Array");
  if (call.failed()) return nullptr;
  if (sender.length < kSender) return Result(env, -EINVAL);
  sockaddr_nl from{};
  iovec vector{target.data, target.length};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  // With MSG_TRUNC the result is the message's own length, also where that is more than there is room for.
  const int64_t length = Retried([&] { return recvmsg(fd, &message, MSG_TRUNC | MSG_DONTWAIT); });
  if (length < 0) return Result(env, length);
  // What another kind of socket fills in is no netlink address.
  if (message.msg_namelen != sizeof from || from.nl_family != AF_NETLINK) return Result(env, -EPROTOTYPE);
  auto* words = reinterpret_cast<uint32_t*>(sender.data);
  words[0] = from.nl_pid;
  words[1] = from.nl_groups;
  return Result(env, length);
}
