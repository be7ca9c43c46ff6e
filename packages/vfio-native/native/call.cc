#include "call.h"

#include <cstdio>

bool Call::Given(size_t index) const {
  napi_valuetype type = napi_undefined;
  napi_typeof(env_, values_[index], &type);
  return type != napi_undefined;
}

bool Call::Boolean(size_t index, const char* name) {
  bool value = false;
  if (failed_) return false;
  if (napi_get_value_bool(env_, values_[index], &value) != napi_ok) WrongType(name, "a boolean");
  return value;
}

std::string Call::Text(size_t index, const char* name) {
  std::string text;
  if (failed_) return text;
  size_t length = 0;
  if (napi_get_value_string_utf8(env_, values_[index], nullptr, 0, &length) != napi_ok) {
    WrongType(name, "a string");
    return text;
  }
  text.resize(length);
  napi_get_value_string_utf8(env_, values_[index], text.data(), length + 1, &length);
  if (text.find('\0') != std::string::npos) WrongType(name, "a string without NUL characters");
  return text;
}

Bytes Call::TypedArray(size_t index, const char* name, napi_typedarray_type type, const char* description) {
  Bytes bytes;
  if (failed_) return bytes;
  napi_typedarray_type actual = napi_int8_array;
  void* data = nullptr;
  size_t length = 0;
  const napi_status status =
      napi_get_typedarray_info(env_, values_[index], &actual, &length, &data, nullptr, nullptr);
  if (status != napi_ok || actual != type) {
    WrongType(name, description);
    return bytes;
  }
  bytes.data = static_cast<uint8_t*>(data);
  bytes.length = length;
  return bytes;
}

Bytes Call::ArrayBuffer(size_t index, const char* name) {
  Bytes bytes;
  if (failed_) return bytes;
  void* data = nullptr;
  if (napi_get_arraybuffer_info(env_, values_[index], &data, &bytes.length) != napi_ok) {
    WrongType(name, "an ArrayBuffer");
    return bytes;
  }
  bytes.data = static_cast<uint8_t*>(data);
  return bytes;
}

void Call::WrongType(const char* name, const char* description) {
  failed_ = true;
  char message[160];
  std::snprintf(message, sizeof message, "%s must be %s", name, description);
  napi_throw_type_error(env_, "ERR_INVALID_ARG_TYPE", message);
}

void Call::OutOfRange(const char* name, double lowest, double highest) {
  failed_ = true;
  char message[160];
  std::snprintf(message, sizeof message, "%s must be an integer from %.0f to %.0f", name, lowest, highest);
  napi_throw_range_error(env_, "ERR_OUT_OF_RANGE", message);
}
