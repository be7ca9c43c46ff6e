#include "call.h"

#include <cstdio>

bool Call::Given(size_t index) const {
  if (index >= count_) return false;
  napi_valuetype type = napi_undefined;
  napi_typeof(env_, values_[index], &type);
  return type != napi_undefined;
}

std::vector<int> Call::Descriptors(size_t index, const char* name, uint32_t most) {
  std::vector<int> fds;
  uint32_t count = 0;
  if (failed_) return fds;
  if (napi_get_array_length(env_, values_[index], &count) != napi_ok || count > most) {
    char description[48];
    std::snprintf(description, sizeof description, "an array of at most %u descriptors", most);
    WrongType(name, description);
    return fds;
  }
  for (uint32_t i = 0; i < count; ++i) {
    napi_value element = nullptr;
    double fd = 0;
    const bool sound = napi_get_element(env_, values_[index], i, &element) == napi_ok &&
                       napi_get_value_double(env_, element, &fd) == napi_ok && IsInteger(fd, INT32_MIN, INT32_MAX);
    if (!sound) {
      WrongType(name, "an array of descriptors");
      return fds;
    }
    fds.push_back(static_cast<int>(fd));
  }
  return fds;
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
  // Newer runtimes answer napi_get_arraybuffer_info for a SharedArrayBuffer too.
  bool is_array_buffer = false;
  void* data = nullptr;
  napi_is_arraybuffer(env_, values_[index], &is_array_buffer);
  if (!is_array_buffer || napi_get_arraybuffer_info(env_, values_[index], &data, &bytes.length) != napi_ok) {
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
