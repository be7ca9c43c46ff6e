#include "hold.h"

#include <dlfcn.h>

#include "call.h"
#include "environment.h"
#include "functions.h"

namespace {

using Store = std::shared_ptr<v8::BackingStore>;

// Node-API has nothing that keeps memory of a buffer which may be transferred, so V8 is asked, by the names of its
// functions: a handle of Node-API is V8's, and the C++ ABI calls a member function as one whose first argument is the
// object. All four have been the same since Node 14. What they answer is checked against what Node-API says of the bytes.
template <typename Function>
Function Find(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
}

struct Engine {
  Store (*array_buffer)(napi_value) = Find<Store (*)(napi_value)>("_ZN2v811ArrayBuffer15GetBackingStoreEv");
  Store (*shared_array_buffer)(napi_value) =
      Find<Store (*)(napi_value)>("_ZN2v817SharedArrayBuffer15GetBackingStoreEv");
  void* (*data)(const v8::BackingStore*) = Find<void* (*)(const v8::BackingStore*)>("_ZNK2v812BackingStore4DataEv");
  size_t (*length)(const v8::BackingStore*) =
      Find<size_t (*)(const v8::BackingStore*)>("_ZNK2v812BackingStore10ByteLengthEv");
  // An engine built with another C++ library than this addon, as Electron's is, lays its counts out in another way. Its
  // functions that take one then have other names.
  void* same_library = Find<void*>("_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE");

  bool complete() const { return array_buffer && shared_array_buffer && data && length && same_library; }
};

const Engine& TheEngine() {
  static const Engine engine;
  return engine;
}

}  // namespace

std::unique_ptr<Hold> Hold::Take(napi_env env, napi_value bytes) {
  const Engine& engine = TheEngine();
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (!engine.complete()) return nullptr;
  if (napi_get_typedarray_info(env, bytes, &type, &length, &data, &buffer, nullptr) != napi_ok) return nullptr;
  bool transferable = false;
  if (type != napi_uint8_array || napi_is_arraybuffer(env, buffer, &transferable) != napi_ok) return nullptr;
  Store store = transferable ? engine.array_buffer(buffer) : engine.shared_array_buffer(buffer);
  if (store == nullptr) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(engine.data(store.get()));
  const auto address = reinterpret_cast<uintptr_t>(data);
  const size_t all = engine.length(store.get());
  if (address < start || address - start > all || length > all - (address - start)) return nullptr;
  return std::unique_ptr<Hold>(new Hold(std::move(store), address, length));
}

napi_value HoldBytes(napi_env env, napi_callback_info info) {
  Call call(env, info);
  call.Uint8Array(0, "bytes");
  if (call.failed()) return nullptr;
  std::unique_ptr<Hold> hold = Hold::Take(env, call.value(0));
  if (hold == nullptr) return Result(env, -ENOTSUP);
  Environment& environment = call.environment();
  environment.holds[++environment.last_hold] = std::move(hold);
  return Result(env, environment.last_hold);
}

napi_value LetGo(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const uint32_t handle = call.Unsigned(0, "handle");
  if (call.failed()) return nullptr;
  return Result(env, call.environment().holds.erase(handle) == 1 ? 0 : -ENOENT);
}
