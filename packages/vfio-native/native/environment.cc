#include "environment.h"

#include "exposure.h"
#include "fault_table.h"
#include "watch.h"

Environment* Environment::Create(napi_env env) {
  auto* environment = new Environment;
  const auto destroy = [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); };
  if (napi_set_instance_data(env, environment, destroy, nullptr) != napi_ok) {
    delete environment;
    return nullptr;
  }
  // An active libuv handle aborts a worker that ends, and handles close asynchronously: hence the asynchronous hook.
  if (napi_add_async_cleanup_hook(env, Begin, environment, nullptr) != napi_ok) return nullptr;
  return environment;
}

void Environment::LookAtBuffers(napi_env env, void* data) {
  for (Exposure* exposure : static_cast<Environment*>(data)->exposures) exposure->Outlive(env);
}

void Environment::Begin(napi_async_cleanup_hook_handle handle, void* data) {
  auto* environment = static_cast<Environment*>(data);
  environment->ending = handle;
  while (!environment->watches.empty()) CloseWatch(environment->watches.begin()->second);
  if (environment->open_watches == 0) environment->Finish();
}

void Environment::WatchClosed() {
  --open_watches;
  if (open_watches == 0 && ending != nullptr) Finish();
}

void Environment::Finish() {
  for (const int slot : claims) fault_table::Release(slot);
  claims.clear();
  // Node has waited for the calls on other threads.
  for (Exposure* exposure : exposures) exposure->End();
  exposures.clear();
  ledger.CloseAll();
  // Another process may have a share in the address space, so a device may go on writing there: it is nobody's ever after.
  for (auto& [handle, hold] : holds) static_cast<void>(hold.release());
  napi_remove_async_cleanup_hook(ending);
}
