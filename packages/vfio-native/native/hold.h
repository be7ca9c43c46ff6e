// The memory of an ArrayBuffer or SharedArrayBuffer, kept for as long as a device may reach it.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace v8 {
class BackingStore;
}

// A share in the memory, as the engine itself counts them. A reference to the buffer would not do: its memory moves to
// another buffer when it is transferred, which a stream's `read(view)` does too, and `malloc` gives it to somebody else when
// that one is collected. Letting go frees it, if nobody else has it.
class Hold {
 public:
  // Null if the runtime does not offer its counts, or `bytes` is no Uint8Array.
  static std::unique_ptr<Hold> Take(napi_env env, napi_value bytes);

  // Whether all of the range is the bytes' own.
  bool Covers(uintptr_t address, size_t length) const {
    return address >= address_ && length <= length_ && address - address_ <= length_ - length;
  }

 private:
  Hold(std::shared_ptr<v8::BackingStore> store, uintptr_t address, size_t length)
      : store_(std::move(store)), address_(address), length_(length) {}

  const std::shared_ptr<v8::BackingStore> store_;
  const uintptr_t address_;
  const size_t length_;
};
