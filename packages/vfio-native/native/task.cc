#include "task.h"

#include <cerrno>
#include <utility>

#include "call.h"

namespace {

struct Task {
  std::function<int64_t()> run;
  std::function<void(int64_t)> done;
  int64_t result = -ECANCELED;
  napi_deferred deferred = nullptr;
  napi_async_work work = nullptr;
};

void Execute(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  task->result = task->run();
}

// Statuses are not looked at: an environment that is ending refuses to resolve, and nobody is left to be told.
void Complete(napi_env env, napi_status, void* data) {
  auto* task = static_cast<Task*>(data);
  if (task->done) task->done(task->result);
  napi_resolve_deferred(env, task->deferred, Result(env, task->result));
  napi_delete_async_work(env, task->work);
  delete task;
}

}  // namespace

napi_value StartTask(napi_env env, const char* name, std::function<int64_t()> run, std::function<void(int64_t)> done) {
  napi_value promise = nullptr;
  napi_value resource = nullptr;
  auto* task = new Task;
  task->run = std::move(run);
  task->done = std::move(done);
  napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &resource);
  const bool started =
      napi_create_promise(env, &task->deferred, &promise) == napi_ok &&
      napi_create_async_work(env, nullptr, resource, Execute, Complete, task, &task->work) == napi_ok &&
      napi_queue_async_work(env, task->work) == napi_ok;
  if (started) return promise;
  // The environment is being terminated, and nobody waits for the result. What was asked for still happens: a
  // descriptor that has left the ledger must be closed.
  Execute(env, task);
  if (task->done) task->done(task->result);
  if (task->work != nullptr) napi_delete_async_work(env, task->work);
  delete task;
  return nullptr;
}
