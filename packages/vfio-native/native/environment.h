// Everything the addon remembers of one environment: the main thread, or one worker.
#pragma once

#include <napi.h>

#include <cstddef>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "herald.h"
#include "hold.h"
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
  // Memory that buffers show, or that is closed and whose place is kept until nobody can have its address.
  std::unordered_set<Exposure*> exposures;
  // Memory of JavaScript's that devices may reach, by handle.
  std::unordered_map<uint32_t, std::unique_ptr<Hold>> holds;
  uint32_t last_hold = 0;
  // Has the exposures look at their buffers before the runtime empties those.
  Herald herald{LookAtBuffers, this};
  // Set while the environment ends.
  napi_async_cleanup_hook_handle ending = nullptr;

  // Makes the environment of `env`, which ends with it. Null if the runtime refuses.
  static Environment* Create(napi_env env);

  // Called when a libuv handle has closed: ends the environment if it only waited for that.
  void WatchClosed();

 private:
  static void LookAtBuffers(napi_env env, void* data);
  static void Begin(napi_async_cleanup_hook_handle handle, void* data);
  void Finish();
};
