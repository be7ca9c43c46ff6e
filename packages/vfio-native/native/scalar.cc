// pread and pwrite: of byte arrays, and of one register-wide number without any buffer in between.
#include <unistd.h>

#include "call.h"
#include "functions.h"

namespace {

bool IsWidth(int64_t width) { return width == 1 || width == 2 || width == 4; }

}  // namespace

napi_value Pread(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes target = call.Uint8Array(1, "target");
  const int64_t position = call.Position(2);
  if (call.failed()) return nullptr;
  return Result(env, Retried([&] { return pread(fd, target.data, target.length, position); }));
}

napi_value Pwrite(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const Bytes source = call.Uint8Array(1, "source");
  const int64_t position = call.Position(2);
  if (call.failed()) return nullptr;
  return Result(env, Retried([&] { return pwrite(fd, source.data, source.length, position); }));
}

napi_value ReadScalar(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const int64_t position = call.Position(1);
  const int width = call.Int(2, "width");
  if (call.failed()) return nullptr;
  if (!IsWidth(width)) return Result(env, -EINVAL);
  // PCI is little-endian, and so is this machine (asserted below): the low bytes come first.
  uint32_t value = 0;
  const int64_t result = Retried([&] { return pread(fd, &value, width, position); });
  if (result < 0) return Result(env, result);
  return Result(env, result == width ? static_cast<int64_t>(value) : -EIO);
}

napi_value WriteScalar(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int fd = call.Descriptor(0);
  const int64_t position = call.Position(1);
  const int width = call.Int(2, "width");
  if (call.failed()) return nullptr;
  uint32_t value = 0;
  if (napi_get_value_uint32(env, call.value(3), &value) != napi_ok) {
    call.WrongType("value", "a number");
    return nullptr;
  }
  if (!IsWidth(width)) return Result(env, -EINVAL);
  const int64_t result = Retried([&] { return pwrite(fd, &value, width, position); });
  if (result < 0) return Result(env, result);
  return Result(env, result == width ? 0 : -EIO);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "registers are little-endian");
