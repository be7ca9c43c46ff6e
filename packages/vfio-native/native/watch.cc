#include "watch.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>

#include "call.h"
#include "environment.h"
#include "functions.h"
#include "syscall.h"

struct Watch {
  uv_poll_t poll;
  Environment* environment;
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  uint32_t handle;
  int fd;
  int64_t kind;
};

namespace {

enum Kind { kCounter = 0, kReadable = 1, kWritable = 2 };

// An exception of the callback is nobody's but the process's: it becomes 'uncaughtException'. False if there is none.
bool ReportException(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) return false;
  napi_value exception = nullptr;
  if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) napi_fatal_exception(env, exception);
  return true;
}

// The callback may end the watch, so the watch is not touched after it. False if it was not called, since the environment
// runs nothing any more.
bool CallBack(Watch* watch, double count) {
  napi_env env = watch->env;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
  napi_value callback = nullptr;
  napi_value receiver = nullptr;
  napi_value argument = nullptr;
  napi_get_reference_value(env, watch->callback, &callback);
  napi_get_global(env, &receiver);
  napi_create_double(env, count, &argument);
  // Not napi_call_function: microtasks and process.nextTick must run before the loop goes on.
  const napi_status status = napi_make_callback(env, watch->context, receiver, callback, 1, &argument, nullptr);
  // A callback in which the environment was told to end has an exception, or a failure that is none of the call's.
  const bool called = status == napi_ok || ReportException(env) || status == napi_generic_failure;
  napi_close_handle_scope(env, scope);
  return called;
}

// Calls back with a counter's count. If that is too late, the count is again for whoever else reads the counter.
void HandOver(Watch* watch, uint64_t count) {
  if (CallBack(watch, static_cast<double>(count))) return;
  uv_poll_stop(&watch->poll);
  Retried([&] { return write(watch->fd, &count, sizeof count); });
}

// Takes a counter's count, or -EAGAIN: whoever shares a counter that blocks may have taken it before.
int64_t TakeCount(int fd, uint64_t* count) {
  iovec vector{count, sizeof *count};
  const int64_t result = SystemCall(SYS_preadv2, fd, &vector, 1, -1, nullptr, RWF_NOWAIT);
  // Linux before 5.8 has no such read for counters.
  return result == -EOPNOTSUPP ? Retried([&] { return read(fd, count, sizeof *count); }) : result;
}

void OnReady(uv_poll_t* poll, int status, int) {
  auto* watch = static_cast<Watch*>(poll->data);
  if (status < 0 || watch->kind != kCounter) {
    CallBack(watch, status < 0 ? status : 1);  // below 0 libuv has stopped polling
    return;
  }
  uint64_t count = 0;
  const int64_t result = TakeCount(watch->fd, &count);
  if (result == sizeof count) return HandOver(watch, count);
  if (result == -EAGAIN) return;  // somebody else took the count
  uv_poll_stop(poll);
  CallBack(watch, static_cast<double>(result < 0 ? result : -EIO));
}

void OnClosed(uv_handle_t* handle) {
  auto* watch = static_cast<Watch*>(handle->data);
  Environment* environment = watch->environment;
  if (watch->callback != nullptr) napi_delete_reference(watch->env, watch->callback);
  if (watch->context != nullptr) napi_async_destroy(watch->env, watch->context);
  delete watch;
  environment->WatchClosed();
}

// Begins to poll. The watch is libuv's from a successful uv_poll_init on, and must then be closed, not deleted.
int64_t Start(Watch* watch, uv_loop_t* loop) {
  const int mode = fcntl(watch->fd, F_GETFL);
  const int refused = uv_poll_init(loop, &watch->poll, watch->fd);
  // libuv makes it non-blocking, which nothing here needs: blocking calls go on beside the watch.
  if (mode >= 0 && (mode & O_NONBLOCK) == 0) fcntl(watch->fd, F_SETFL, mode);
  if (refused < 0) {
    delete watch;
    return refused;
  }
  watch->poll.data = watch;
  Environment& environment = *watch->environment;
  ++environment.open_watches;
  do ++environment.last_watch;
  while (environment.last_watch == 0 || environment.watches.count(environment.last_watch) != 0);
  watch->handle = environment.last_watch;
  environment.watches[watch->handle] = watch;
  const int result = uv_poll_start(&watch->poll, watch->kind == kWritable ? UV_WRITABLE : UV_READABLE, OnReady);
  if (result == 0) return watch->handle;
  CloseWatch(watch);
  return result;
}

Watch* Find(Call& call) {
  const uint32_t handle = call.Unsigned(0, "handle");
  const auto& watches = call.environment().watches;
  const auto found = watches.find(handle);
  return found == watches.end() ? nullptr : found->second;
}

}  // namespace

void CloseWatch(Watch* watch) {
  watch->environment->watches.erase(watch->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&watch->poll), OnClosed);
}

bool IsWatched(const Environment& environment, int fd) {
  return std::any_of(environment.watches.begin(), environment.watches.end(),
                     [fd](const auto& entry) { return entry.second->fd == fd; });
}

napi_value WatchStart(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const int64_t kind = call.Integer(1, "kind", kCounter, kWritable);
  napi_valuetype type = napi_undefined;
  napi_typeof(env, call.value(2), &type);
  if (!call.failed() && type != napi_function) call.WrongType("callback", "a function");
  if (call.failed()) return nullptr;
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return Result(env, -ENOTSUP);
  auto* watch = new Watch{{}, &call.environment(), env, nullptr, nullptr, 0, fd, kind};
  const int64_t handle = Start(watch, loop);
  if (handle < 0) return Result(env, handle);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "vfio-native.watch", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, nullptr, name, &watch->context);
  napi_create_reference(env, call.value(2), 1, &watch->callback);
  return Result(env, handle);
}

napi_value Unwatch(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Watch* watch = Find(call);
  if (call.failed()) return nullptr;
  if (watch == nullptr) return Result(env, -ENOENT);
  CloseWatch(watch);
  return Result(env, 0);
}

napi_value WatchRef(napi_env env, napi_callback_info info) {
  Call call(env, info);
  Watch* watch = Find(call);
  const bool on = call.Boolean(1, "on");
  if (call.failed()) return nullptr;
  if (watch == nullptr) return Result(env, -ENOENT);
  auto* handle = reinterpret_cast<uv_handle_t*>(&watch->poll);
  if (on) uv_ref(handle);
  else uv_unref(handle);
  return Result(env, 0);
}
