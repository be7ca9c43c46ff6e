#include "hold.h"

#include "call.h"
#include "environment.h"
#include "functions.h"

// Older glibc, which the addon runs on, does not have what the C++ library asks for here: whether counts need no locking.
extern "C" {
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;
}

namespace {

using Store = std::shared_ptr<v8::BackingStore>;

}  // namespace

// Node-API has nothing that keeps memory of a buffer which may be transferred, so V8 is asked, by the names of its
// functions: a handle of Node-API is V8's, and the C++ ABI calls a member function as one whose first argument is the
// object. All have been the same since Node 14. Weak: null in a runtime without them. What they answer is checked against
// what Node-API says of the bytes.
#define FROM_THE_ENGINE(name) __asm__(name) __attribute__((weak))
Store StoreOfArrayBuffer(napi_value) FROM_THE_ENGINE("_ZN2v811ArrayBuffer15GetBackingStoreEv");
Store StoreOfSharedArrayBuffer(napi_value) FROM_THE_ENGINE("_ZN2v817SharedArrayBuffer15GetBackingStoreEv");
void* DataOf(const v8::BackingStore*) FROM_THE_ENGINE("_ZNK2v812BackingStore4DataEv");
size_t LengthOf(const v8::BackingStore*) FROM_THE_ENGINE("_ZNK2v812BackingStore10ByteLengthEv");
// An engine built with another C++ library than this addon, as Electron's is, lays its counts out in another way. Its
// functions that take one then have other names.
void TakesStore() FROM_THE_ENGINE("_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE");
#undef FROM_THE_ENGINE

std::unique_ptr<Hold> Hold::Take(napi_env env, napi_value bytes) {
  if (!StoreOfArrayBuffer || !StoreOfSharedArrayBuffer || !DataOf || !LengthOf || !TakesStore) return nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  napi_value buffer = nullptr;
  if (napi_get_typedarray_info(env, bytes, &type, &length, &data, &buffer, nullptr) != napi_ok) return nullptr;
  bool transferable = false;
  if (type != napi_uint8_array || napi_is_arraybuffer(env, buffer, &transferable) != napi_ok) return nullptr;
  Store store = transferable ? StoreOfArrayBuffer(buffer) : StoreOfSharedArrayBuffer(buffer);
  if (store == nullptr) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(DataOf(store.get()));
  const auto address = reinterpret_cast<uintptr_t>(data);
  const size_t all = LengthOf(store.get());
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
