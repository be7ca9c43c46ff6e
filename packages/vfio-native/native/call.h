// The arguments and the result of one call from JavaScript.
#pragma once

#include <napi.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

struct Environment;

// The largest integer a JavaScript number holds exactly, plus one.
constexpr double kSafe = 9007199254740992.0;

struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

// Reads arguments one by one. The first that does not fit throws a TypeError (wrong type) or a RangeError (not an
// integer, or outside its range); from then on failed() is true and every getter answers zero.
class Call {
 public:
  static constexpr size_t kMost = 6;

  Call(napi_env env, napi_callback_info info) : env_(env) {
    napi_get_cb_info(env, info, &count_, values_, nullptr, &data_);
  }

  napi_env env() const { return env_; }
  Environment& environment() const { return *static_cast<Environment*>(data_); }
  bool failed() const { return failed_; }
  napi_value value(size_t index) const { return values_[index]; }
  bool Given(size_t index) const;

  double Number(size_t index, const char* name) {
    double number = 0;
    if (failed_) return 0;
    if (napi_get_value_double(env_, values_[index], &number) != napi_ok) {
      WrongType(name, "a number");
      return 0;
    }
    return number;
  }

  // An integer between lowest and highest, both inclusive and of magnitude kSafe at most.
  int64_t Integer(size_t index, const char* name, double lowest, double highest) {
    const double number = Number(index, name);
    if (failed_) return 0;
    if (!IsInteger(number, lowest, highest)) {
      OutOfRange(name, lowest, highest);
      return 0;
    }
    return static_cast<int64_t>(number);
  }

  int Int(size_t index, const char* name) {
    return static_cast<int>(Integer(index, name, INT32_MIN, INT32_MAX));
  }
  uint32_t Unsigned(size_t index, const char* name) {
    return static_cast<uint32_t>(Integer(index, name, 0, UINT32_MAX));
  }
  int Descriptor(size_t index) { return Int(index, "fd"); }
  uintptr_t Address(size_t index) { return static_cast<uintptr_t>(Integer(index, "address", 0, kSafe)); }
  size_t Length(size_t index) { return static_cast<size_t>(Integer(index, "length", 0, kSafe)); }
  int64_t Position(size_t index) { return Integer(index, "position", -kSafe, kSafe); }

  // An array of at most `most` descriptors. Reading it may run JavaScript (accessors), so it comes before any bytes.
  std::vector<int> Descriptors(size_t index, const char* name, uint32_t most);

  bool Boolean(size_t index, const char* name);
  std::string Text(size_t index, const char* name);
  Bytes Uint8Array(size_t index, const char* name) { return TypedArray(index, name, napi_uint8_array, "a Uint8Array"); }
  Bytes TypedArray(size_t index, const char* name, napi_typedarray_type type, const char* description);
  // An ArrayBuffer as such; a SharedArrayBuffer is none.
  Bytes ArrayBuffer(size_t index, const char* name);

  // Throws the TypeError that `name` is not `description`.
  void WrongType(const char* name, const char* description);

 private:
  static bool IsInteger(double number, double lowest, double highest) {
    return number >= lowest && number <= highest && static_cast<double>(static_cast<int64_t>(number)) == number;
  }
  void OutOfRange(const char* name, double lowest, double highest);

  napi_env env_;
  void* data_ = nullptr;
  size_t count_ = kMost;
  napi_value values_[kMost];
  bool failed_ = false;
};

// A count, an address or a negative errno as a JavaScript number.
inline napi_value Result(napi_env env, int64_t number) {
  napi_value value = nullptr;
  if (number >= INT32_MIN && number <= INT32_MAX) {
    napi_create_int32(env, static_cast<int32_t>(number), &value);
  } else {
    napi_create_double(env, static_cast<double>(number), &value);
  }
  return value;
}

// What a system call returned, or the negative errno.
inline int64_t Checked(int64_t result) { return result < 0 ? -errno : result; }

// The same for a call that is made again when a signal interrupts it.
template <typename SystemCall>
int64_t Retried(SystemCall call) {
  for (;;) {
    const int64_t result = call();
    if (result >= 0) return result;
    if (errno != EINTR) return -errno;
  }
}
