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
  auto* exposure = new Exposure{address, length};
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(env, reinterpret_cast<void*>(address), length,
                                                              Exposure::LetGo, exposure, &buffer);
  if (status != napi_ok) {
    // Where external buffers exist at all, the runtime lets go of the bytes of one that it could not make.
    if (status == napi_no_external_buffers_allowed) Exposure::LetGo(env, nullptr, exposure);
    Exposure::LetGo(env, nullptr, exposure);
    return Failed(env, status == napi_no_external_buffers_allowed ? -ENOTSUP : -EFBIG);
  }
  if (napi_wrap(env, buffer, exposure, Exposure::LetGo, exposure, nullptr) != napi_ok) {
    // The bytes let go when they are detached.
    Exposure::LetGo(env, nullptr, exposure);
    napi_detach_arraybuffer(env, buffer);
    return Failed(env, -ENOTSUP);
  }
  return buffer;
}

napi_value Detach(napi_env env, napi_callback_info info) {
  Call call(env, info);
  call.ArrayBuffer(0, "buffer");
  if (call.failed()) return nullptr;
  return Result(env, napi_detach_arraybuffer(env, call.value(0)) == napi_ok ? 0 : -EINVAL);
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
