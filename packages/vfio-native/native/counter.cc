// Counters (eventfd), and waiting for descriptors without the event loop.
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "call.h"
#include "environment.h"
#include "functions.h"

namespace {

constexpr int64_t kSecond = 1000000000;
// A wait longer than this many milliseconds (31 years) has no end.
constexpr double kForever = 1e12;

// More than the kernel lets a process have open by default (fs.nr_open).
constexpr size_t kMostDescriptors = 1 << 20;

int64_t Now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

// Waits until `deadline` (negative: for ever); signals do not shorten the wait.
int64_t PollUntil(std::vector<pollfd>& fds, int64_t deadline) {
  for (;;) {
    const int64_t left = std::max<int64_t>(0, deadline - Now());
    const timespec timeout{left / kSecond, left % kSecond};
    const int64_t ready = Checked(ppoll(fds.data(), fds.size(), deadline < 0 ? nullptr : &timeout, nullptr));
    if (ready != -EINTR) return ready;
  }
}

}  // namespace

napi_value Eventfd(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const uint32_t initial = call.Unsigned(0, "initial");
  const int flags = call.Given(1) ? call.Int(1, "flags") : 0;
  if (call.failed()) return nullptr;
  const int64_t fd = Checked(eventfd(initial, flags | EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd >= 0) call.environment().ledger.Opened(static_cast<int>(fd));
  return Result(env, fd);
}

napi_value CounterRead(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  uint64_t count = 0;
  const int64_t result = Retried([&] { return read(fd, &count, sizeof count); });
  if (result < 0) return Result(env, result);
  if (result != sizeof count) return Result(env, -EIO);
  napi_value number = nullptr;
  napi_create_double(env, static_cast<double>(count), &number);
  return number;
}

napi_value CounterAdd(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const uint64_t count = static_cast<uint64_t>(call.Integer(1, "count", 0, kSafe));
  if (call.failed()) return nullptr;
  const int64_t result = Retried([&] { return write(fd, &count, sizeof count); });
  return Result(env, result < 0 ? result : 0);
}

napi_value Poll(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Bytes input = call.TypedArray(0, "fds", napi_int32_array, "an Int32Array");
  const double timeout = call.Number(1, "timeoutMs");
  const bool marks = call.Given(2);
  const Bytes ready = marks ? call.Uint8Array(2, "ready") : Bytes{};
  if (call.failed()) return nullptr;
  const bool no_room = marks && ready.length < input.length;
  if (input.length > kMostDescriptors || std::isnan(timeout) || no_room) return Result(env, -EINVAL);

  const auto* descriptors = reinterpret_cast<const int32_t*>(input.data);
  std::vector<pollfd> fds(input.length);
  for (size_t i = 0; i < input.length; ++i) fds[i] = {descriptors[i], POLLIN, 0};
  if (std::any_of(fds.begin(), fds.end(), [](const pollfd& entry) { return entry.fd < 0; })) {
    return Result(env, -EBADF);  // poll itself would skip them
  }
  const bool forever = timeout < 0 || timeout >= kForever;
  const int64_t result = PollUntil(fds, forever ? -1 : Now() + static_cast<int64_t>(timeout * 1e6));
  if (result < 0) return Result(env, result);
  if (std::any_of(fds.begin(), fds.end(), [](const pollfd& entry) { return entry.revents & POLLNVAL; })) {
    return Result(env, -EBADF);
  }
  for (size_t i = 0; marks && i < fds.size(); ++i) ready.data[i] = fds[i].revents != 0;
  return Result(env, result);
}
