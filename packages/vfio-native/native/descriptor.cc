// Descriptors: opening, closing, ioctl. Every one of them is close-on-exec from birth and in the ledger.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "call.h"
#include "environment.h"
#include "functions.h"
#include "task.h"
#include "watch.h"

namespace {

// New descriptors stay clear of the standard streams, which a program may have closed.
constexpr int kLowest = 3;

// Names of the thread pool's tasks, as async_hooks shows them.
constexpr char kIoctl[] = "vfio-native.ioctl";
constexpr char kClose[] = "vfio-native.close";

// Takes a descriptor out of the ledger, or tells why it may not be closed.
int64_t Forget(Environment& environment, int fd) {
  // libuv ends the process when a descriptor it polls is closed beneath it.
  if (IsWatched(environment, fd)) return -EBUSY;
  return environment.ledger.Closed(fd) ? 0 : -EBADF;
}

// On Linux the descriptor is gone even when close reports an interruption.
int64_t CloseNow(int fd) {
  const int64_t result = Checked(close(fd));
  return result == -EINTR ? 0 : result;
}

// Longer than any structure of an ioctl; keeps an absurd length from exhausting memory.
constexpr size_t kMostBytes = 1 << 20;

// Requests that carry a size in their number (asm-generic/ioctl.h) say how much the kernel will touch.
bool Fits(uint32_t request, size_t length) {
  return length <= kMostBytes && (_IOC_DIR(request) == _IOC_NONE || _IOC_SIZE(request) <= length);
}

// Gives the bytes back to the array they came from, and lets go of it.
void CopyBack(napi_env env, napi_ref original, const std::vector<uint8_t>& copy) {
  napi_value array = nullptr;
  size_t length = 0;
  void* data = nullptr;
  napi_get_reference_value(env, original, &array);
  if (array != nullptr && napi_get_typedarray_info(env, array, nullptr, &length, &data, nullptr, nullptr) == napi_ok) {
    std::copy_n(copy.data(), std::min(length, copy.size()), static_cast<uint8_t*>(data));
  }
  napi_delete_reference(env, original);
}

}  // namespace

napi_value Open(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const std::string path = call.Text(0, "path");
  const int flags = call.Int(1, "flags");
  if (call.failed()) return nullptr;
  const int64_t fd = Retried([&] { return open(path.c_str(), flags | O_CLOEXEC, 0600); });
  return Result(env, call.environment().ledger.Recorded(fd));
}

napi_value Close(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  const int64_t refused = Forget(call.environment(), fd);
  return Result(env, refused < 0 ? refused : CloseNow(fd));
}

napi_value CloseAsync(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  const int64_t refused = Forget(call.environment(), fd);
  return StartTask(env, kClose, [=] { return refused < 0 ? refused : CloseNow(fd); }, nullptr);
}

napi_value Dup(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  return Result(env, call.environment().ledger.Recorded(Checked(fcntl(fd, F_DUPFD_CLOEXEC, kLowest))));
}

napi_value Adopt(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  if (call.failed()) return nullptr;
  if (call.environment().ledger.Holds(fd)) return Result(env, -EEXIST);
  const int64_t result = Checked(fcntl(fd, F_SETFD, FD_CLOEXEC));
  if (result == 0) call.environment().ledger.Opened(fd);
  return Result(env, result);
}

napi_value Ioctl(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const uint32_t request = call.Unsigned(1, "request");
  bool is_array = false;
  napi_is_typedarray(env, call.value(2), &is_array);
  void* argument = nullptr;
  if (is_array) {
    const Bytes bytes = call.Uint8Array(2, "argument");
    if (!call.failed() && !Fits(request, bytes.length)) return Result(env, -EINVAL);
    argument = bytes.data;
  } else {
    argument = reinterpret_cast<void*>(call.Integer(2, "argument", -kSafe, kSafe));
  }
  const bool opens = call.Given(3) && call.Boolean(3, "opens");
  if (call.failed()) return nullptr;
  const int64_t result = Retried([&] { return ioctl(fd, request, argument); });
  return Result(env, opens ? call.environment().ledger.Recorded(result) : result);
}

napi_value IoctlAsync(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const uint32_t request = call.Unsigned(1, "request");
  const Bytes bytes = call.Uint8Array(2, "argument");
  const bool opens = call.Given(3) && call.Boolean(3, "opens");
  if (call.failed()) return nullptr;
  if (!Fits(request, bytes.length)) return StartTask(env, kIoctl, [] { return -EINVAL; }, nullptr);
  Environment* environment = &call.environment();

  // The kernel works on a copy: JavaScript may detach or resize its buffer at any moment.
  auto* copy = new std::vector<uint8_t>(bytes.data, bytes.data + bytes.length);
  napi_ref original = nullptr;
  napi_create_reference(env, call.value(2), 1, &original);
  const auto run = [=] { return Retried([&] { return ioctl(fd, request, copy->data()); }); };
  const auto done = [=](int64_t result) {
    if (opens) environment->ledger.Recorded(result);
    CopyBack(env, original, *copy);
    delete copy;
  };
  return StartTask(env, kIoctl, run, done);
}

napi_value LedgerCounts(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const Ledger& ledger = call.environment().ledger;
  Napi::Object counts = Napi::Object::New(env);
  counts.Set("descriptors", static_cast<double>(ledger.descriptors()));
  counts.Set("mappings", static_cast<double>(ledger.mappings()));
  return counts;
}
