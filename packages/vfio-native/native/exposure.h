// Memory that a buffer shows. What works on a buffer's bytes from another thread has nothing but their address, so the
// address must not become that of other memory while anybody can reach the buffer.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

struct Environment;

class Exposure {
 public:
  Exposure(uintptr_t start, size_t size) : address(start), length(size) {}

  const uintptr_t address;
  const size_t length;

  // Gives the memory back at once, and its place when the last holder is gone. The engine is not asked to hurry: retired
  // neighbours are one mapping to the kernel, one buffer of 64 MiB makes V8 collect, and of smaller ones millions fit.
  void Retire(Environment& environment);
  // Gives the place back now, because the environment ends.
  void Unmap();
  // Tells the exposure, which is `hint`, that one of its holders is gone. The last one takes it along.
  static void LetGo(napi_env env, void* data, void* hint);

 private:
  // The buffer, which whoever uses the bytes keeps alive, also when it is detached; and the bytes, which can move to
  // another buffer.
  int holders_ = 2;
  // Where it is listed as retired, if it is.
  Environment* environment_ = nullptr;
};
