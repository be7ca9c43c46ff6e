// Claims on address ranges, made by one environment and released with it. The table and the handler: fault_table.h.
#include <algorithm>

#include "call.h"
#include "environment.h"
#include "fault_table.h"
#include "functions.h"

namespace {

int TakeSlot(Call& call) { return static_cast<int>(call.Integer(0, "slot", 0, fault_table::kSlots - 1)); }

// The flag stays where it is for the life of the process.
void KeepFlag(napi_env, void*, void*) {}

}  // namespace

napi_value ClaimFaults(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const uintptr_t address = call.Address(0);
  const size_t length = call.Length(1);
  if (call.failed()) return nullptr;
  Environment& environment = call.environment();
  if (!environment.ledger.Covers(address, length)) return Result(env, -EINVAL);
  const bool overlaps = std::any_of(environment.claims.begin(), environment.claims.end(),
                                    [&](int slot) { return fault_table::Overlaps(slot, address, length); });
  if (overlaps) return Result(env, -EEXIST);
  const int slot = fault_table::Claim(address, length);
  if (slot >= 0) environment.claims.insert(slot);
  return Result(env, slot);
}

napi_value ReleaseFaults(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int slot = TakeSlot(call);
  if (call.failed()) return nullptr;
  if (call.environment().claims.erase(slot) == 0) return Result(env, -ENOENT);
  fault_table::Release(slot);
  return Result(env, 0);
}

napi_value FaultFlag(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int slot = TakeSlot(call);
  if (call.failed()) return nullptr;
  napi_value buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(env, fault_table::Flag(slot), sizeof(int32_t), KeepFlag,
                                                              nullptr, &buffer);
  return status == napi_ok ? buffer : Result(env, -ENOTSUP);
}

napi_value ClearFault(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int slot = TakeSlot(call);
  if (call.failed()) return nullptr;
  if (call.environment().claims.count(slot) == 0) return Result(env, -ENOENT);
  fault_table::Flag(slot)->store(0);
  return Result(env, 0);
}
