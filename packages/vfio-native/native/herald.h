// Tells that the environment ends while all buffers still are as the program left them.
#pragma once

#include <napi.h>

// When an environment ends, Node empties its external buffers before any clean-up hook runs, the youngest first; so what a
// hook sees tells nothing of who has their bytes (seen on Node 22, 24 and 26). The herald is an external buffer that is
// kept younger than the others.
class Herald {
 public:
  using Told = void (*)(napi_env env, void* data);

  // `told(env, data)` is called once, at the end.
  Herald(Told told, void* data) : told_(told), data_(data) {}
  ~Herald() { Dismiss(); }

  // To be called when a buffer was made. False if the runtime makes no more.
  bool Renew(napi_env env);

 private:
  // One buffer. Those before the youngest are garbage, and tell nothing.
  struct Call {
    Herald* herald;
    napi_ref buffer;
  };

  static void Gone(napi_env env, void* data, void* hint);
  void Dismiss();

  const Told told_;
  void* const data_;
  Call* call_ = nullptr;
};
