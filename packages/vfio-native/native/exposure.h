// Memory that a buffer shows. What works on a buffer's bytes from another thread has nothing but their address, so the
// address must not become that of other memory while anybody can reach the buffer.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

struct Environment;

class Exposure {
 public:
  // Makes a buffer of memory. A negative errno if the runtime refuses; then nothing is left of it.
  static int64_t Show(napi_env env, Environment& environment, uintptr_t address, size_t length, napi_value* buffer);

  uintptr_t address() const { return address_; }
  size_t length() const { return length_; }

  // Empties the buffer.
  void Detach(napi_env env, napi_value buffer);
  // Gives the memory back at once, and its place when the last holder is gone. The engine is not asked to hurry: retired
  // neighbours are one mapping to the kernel, one buffer of 64 MiB makes V8 collect, and of smaller ones millions fit.
  void Retire();
  // Called before the runtime lets go of the bytes because the environment ends. If another buffer has them, perhaps one
  // of another thread, their place is kept for good: nobody tells when that buffer is gone.
  void Outlive(napi_env env);
  // Forgets the environment, which ends. What is retired gives its place back now.
  void End();

 private:
  Exposure(Environment& environment, uintptr_t address, size_t length)
      : address_(address), length_(length), environment_(&environment) {}

  static void BytesGone(napi_env env, void* data, void* hint);
  static void BufferGone(napi_env env, void* data, void* hint);
  // Whether another buffer has the bytes.
  bool Moved(napi_env env) const;
  void Unmap();
  // Ends when both holders are gone.
  void LetGo();

  const uintptr_t address_;
  const size_t length_;
  // Where it is listed, until that ends.
  Environment* environment_;
  // The two holders. The buffer, which whoever uses the bytes keeps alive, also when it is detached; and the bytes, which
  // can move to another buffer.
  bool buffer_held_ = true;
  bool bytes_held_ = true;
  // The buffer, held weakly.
  napi_ref buffer_ = nullptr;
  // Whether the buffer had the bytes until it was emptied here.
  bool emptied_ = false;
  bool retired_ = false;
};
