// Memory outside the JavaScript heap, seen as an ArrayBuffer.
#include "call.h"
#include "exposure.h"
#include "functions.h"

namespace {

// What view() returns for a buffer that could not be made, without the exception that came with it.
napi_value Failed(napi_env env, int64_t result) {
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  return Result(env, result);
}

}  // namespace

napi_value View(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const uintptr_t address = call.Address(0);
  const size_t length = call.Length(1);
  if (call.failed()) return nullptr;
  if (address == 0) return Result(env, -EFAULT);
  napi_value buffer = nullptr;
  const int64_t result = Exposure::Show(env, call.environment(), address, length, &buffer);
  return result == 0 ? buffer : Failed(env, result);
}

napi_value Detach(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const napi_value buffer = call.value(0);
  call.ArrayBuffer(0, "buffer");
  if (call.failed()) return nullptr;
  void* wrapped = nullptr;
  if (napi_unwrap(env, buffer, &wrapped) == napi_ok) {
    static_cast<Exposure*>(wrapped)->Detach(env, buffer);
    return Result(env, 0);
  }
  return Result(env, napi_detach_arraybuffer(env, buffer) == napi_ok ? 0 : -EINVAL);
}

napi_value AddressOf(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const napi_value value = call.value(0);
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, nullptr, nullptr, &data, nullptr, nullptr) != napi_ok &&
      napi_get_dataview_info(env, value, nullptr, &data, nullptr, nullptr) != napi_ok) {
    data = call.ArrayBuffer(0, "buffer").data;
  }
  if (call.failed()) return nullptr;
  return Result(env, reinterpret_cast<int64_t>(data));
}
