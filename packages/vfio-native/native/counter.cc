// Counters (eventfd), and waiting for descriptors without the event loop.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "call.h"
#include "deadline.h"
#include "environment.h"
#include "functions.h"
#include "syscall.h"

namespace {

// How often a spinning wait asks between two looks at the clock, which take a tenth of the time.
constexpr int kTriesBetweenClocks = 8;
// A thread that spins does nothing else: a second, in microseconds.
constexpr double kLongestSpin = 1e6;

// More than the kernel lets a process have open by default (fs.nr_open).
constexpr size_t kMostDescriptors = 1 << 20;

// Waits until `deadline` (negative: for ever); signals do not shorten the wait.
int64_t PollUntil(std::vector<pollfd>& fds, int64_t deadline) {
  for (;;) {
    const int64_t left = std::max<int64_t>(0, deadline - Now());
    const timespec timeout{left / kSecond, left % kSecond};
    const int64_t ready = Checked(ppoll(fds.data(), fds.size(), deadline < 0 ? nullptr : &timeout, nullptr));
    if (ready != -EINTR) return ready;
  }
}

inline int64_t ReadCounter(int fd, uint64_t* count) {
  for (;;) {
    const int64_t result = SystemCall(SYS_read, fd, count, sizeof *count);
    if (result != -EINTR) return result;
  }
}

// Takes a counter's count. Asks again and again for `budget` nanoseconds: a sleeping thread is slow to wake.
int64_t TakeWithin(int fd, int64_t budget, uint64_t* count) {
  const int64_t deadline = budget > 0 ? Now() + budget : 0;
  for (int tries = 1;; ++tries) {
    const int64_t result = ReadCounter(fd, count);
    if (result == sizeof *count) return 0;
    if (result != -EAGAIN) return result < 0 ? result : -EIO;
    if (budget <= 0) return -EAGAIN;
    if (tries % kTriesBetweenClocks == 0 && Now() >= deadline) return -EAGAIN;
  }
}

// The descriptors of an Int32Array, to be polled. False if one of them is none: poll itself would skip it.
bool Descriptors(const Bytes& input, std::vector<pollfd>* fds) {
  const auto* descriptors = reinterpret_cast<const int32_t*>(input.data);
  for (size_t i = 0; i < input.length; ++i) fds->push_back({descriptors[i], POLLIN, 0});
  return std::all_of(fds->begin(), fds->end(), [](const pollfd& entry) { return entry.fd >= 0; });
}

bool AnyInvalid(const std::vector<pollfd>& fds) {
  return std::any_of(fds.begin(), fds.end(), [](const pollfd& entry) { return entry.revents & POLLNVAL; });
}

// Whether the environment still runs JavaScript: a call that may run some is refused where it is told to end.
bool Lives(napi_env env) {
  napi_value value = nullptr;
  napi_get_undefined(env, &value);
  return napi_coerce_to_bool(env, value, &value) == napi_ok;
}

// Waits for any of the descriptors, then takes the first one's count. An environment that was told to end meanwhile could
// hand it over to nobody, and leaves it to others.
int64_t SleepAndTake(napi_env env, const Bytes& input, double timeout_ms, uint64_t* count) {
  std::vector<pollfd> fds;
  if (!Descriptors(input, &fds)) return -EBADF;
  const int64_t ready = PollUntil(fds, Deadline(timeout_ms));
  if (ready < 0) return ready;
  if (AnyInvalid(fds)) return -EBADF;
  return Lives(env) ? TakeWithin(fds[0].fd, 0, count) : -EAGAIN;
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
  const int64_t result = ReadCounter(fd, &count);
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

napi_value CounterOffer(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const uint64_t count = static_cast<uint64_t>(call.Integer(1, "count", 0, kSafe));
  if (call.failed()) return nullptr;
  pollfd entry{fd, POLLOUT, 0};
  const int64_t ready = Retried([&] { return poll(&entry, 1, 0); });
  if (ready < 0) return Result(env, ready);
  if ((entry.revents & POLLOUT) == 0) return Result(env, entry.revents & POLLNVAL ? -EBADF : -EAGAIN);
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

  std::vector<pollfd> fds;
  if (!Descriptors(input, &fds)) return Result(env, -EBADF);
  const int64_t result = PollUntil(fds, Deadline(timeout));
  if (result < 0) return Result(env, result);
  if (AnyInvalid(fds)) return Result(env, -EBADF);
  for (size_t i = 0; marks && i < fds.size(); ++i) ready.data[i] = fds[i].revents != 0;
  return Result(env, result);
}

napi_value CounterWait(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Bytes input = call.TypedArray(0, "fds", napi_int32_array, "an Int32Array");
  const double timeout = call.Number(1, "timeoutMs");
  const double spin = call.Number(2, "spinUs");
  if (call.failed()) return nullptr;
  const bool no_time = std::isnan(timeout) || !(spin >= 0 && spin <= kLongestSpin);
  if (input.length == 0 || input.length > kMostDescriptors || no_time) return Result(env, -EINVAL);

  // Nothing is made before the spinning that would have to be undone after it.
  const int fd = reinterpret_cast<const int32_t*>(input.data)[0];
  uint64_t count = 0;
  int64_t result = TakeWithin(fd, static_cast<int64_t>(spin * 1e3), &count);
  if (result == -EAGAIN && timeout != 0) result = SleepAndTake(env, input, timeout, &count);
  return Result(env, result < 0 && result != -EAGAIN ? result : static_cast<int64_t>(count));
}
