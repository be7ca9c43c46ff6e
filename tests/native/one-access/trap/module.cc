// The trap as a Node-API module. One build serves every Node from 12 on.
#include <node_api.h>

#include <cerrno>
#include <cstring>

#include "trap.h"

namespace {

constexpr size_t kGuardedSize = 4096;

void KeepMemory(napi_env, void*, void*) {}

napi_value Throw(napi_env env, const char* what) {
  napi_throw_error(env, nullptr, what);
  return nullptr;
}

// guarded(): ArrayBuffer
napi_value Guarded(napi_env env, napi_callback_info) {
  const Guard memory = GuardedMemory(kGuardedSize);
  if (memory.start == nullptr) return Throw(env, strerror(errno));
  napi_value buffer = nullptr;
  napi_create_external_arraybuffer(env, memory.start, memory.size, KeepMemory, nullptr, &buffer);
  return buffer;
}

// address(): bigint
napi_value Address(napi_env env, napi_callback_info) {
  napi_value result = nullptr;
  napi_create_bigint_uint64(env, reinterpret_cast<uint64_t>(GuardedMemory(kGuardedSize).start), &result);
  return result;
}

// arm(): void
napi_value ArmModule(napi_env env, napi_callback_info) {
  const int result = Arm();
  return result < 0 ? Throw(env, strerror(-result)) : nullptr;
}

// disarm(): ArrayBuffer with the touches
napi_value DisarmModule(napi_env env, napi_callback_info) {
  Disarm();
  const Recording recording = Recorded();
  if (recording.lost > 0) return Throw(env, "more touches than there is room for");
  void* data = nullptr;
  napi_value buffer = nullptr;
  const size_t size = recording.count * sizeof(Touch);
  napi_create_arraybuffer(env, size, &data, &buffer);
  if (size > 0) memcpy(data, recording.touches, size);
  return buffer;
}

void SetText(napi_env env, napi_value object, const char* property, const char* text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, property, value);
}

// samples(): { name: string; expected: string; runnable: boolean }[]
napi_value SampleList(napi_env env, napi_callback_info) {
  const Samples samples = AllSamples();
  napi_value list = nullptr;
  napi_create_array_with_length(env, samples.count, &list);
  for (size_t i = 0; i < samples.count; ++i) {
    napi_value sample = nullptr;
    napi_value runnable = nullptr;
    napi_create_object(env, &sample);
    SetText(env, sample, "name", samples.first[i].name);
    SetText(env, sample, "expected", samples.first[i].expected);
    napi_get_boolean(env, CanRun(samples.first[i]), &runnable);
    napi_set_named_property(env, sample, "runnable", runnable);
    napi_set_element(env, list, i, sample);
  }
  return list;
}

// runSample(index): void
napi_value RunSample(napi_env env, napi_callback_info info) {
  size_t given = 1;
  napi_value argument = nullptr;
  uint32_t index = 0;
  napi_get_cb_info(env, info, &given, &argument, nullptr, nullptr);
  const Samples samples = AllSamples();
  if (napi_get_value_uint32(env, argument, &index) != napi_ok || index >= samples.count) {
    return Throw(env, "no such sample");
  }
  samples.first[index].run(GuardedMemory(kGuardedSize).start);
  return nullptr;
}

struct Function {
  const char* name;
  napi_callback call;
};

constexpr Function kFunctions[] = {
    {"guarded", Guarded},      {"address", Address},     {"arm", ArmModule},
    {"disarm", DisarmModule},  {"samples", SampleList}, {"runSample", RunSample},
};

napi_value Initialize(napi_env env, napi_value exports) {
  for (const Function& function : kFunctions) {
    napi_value value = nullptr;
    napi_create_function(env, function.name, NAPI_AUTO_LENGTH, function.call, nullptr, &value);
    napi_set_named_property(env, exports, function.name, value);
  }
  return exports;
}

}  // namespace

NAPI_MODULE(one_access_trap, Initialize)
