// Everything the addon remembers of one environment: the main thread, or one worker.
#pragma once

#include <napi.h>

#include <cstddef>
#include <set>
#include <unordered_map>

#include "ledger.h"

class Exposure;
struct Watch;

struct Environment {
  Ledger ledger;
  // Live watches by handle. Those whose libuv handle is still closing are counted too, but no longer listed.
  std::unordered_map<uint32_t, Watch*> watches;
  size_t open_watches = 0;
  uint32_t last_watch = 0;
  // Slots of the fault table that this environment claimed.
  std::set<int> claims;
  // Ranges that are closed, and whose place is kept until nobody can have their address.
  std::set<Exposure*> retired;
  // Set while the environment ends.
  napi_async_cleanup_hook_handle ending = nullptr;

  // Makes the environment of `env`, which ends with it. Null if the runtime refuses.
  static Environment* Create(napi_env env);

  // Called when a libuv handle has closed: ends the environment if it only waited for that.
  void WatchClosed();

 private:
  static void Begin(napi_async_cleanup_hook_handle handle, void* data);
  void Finish();
};
