// Mappings and the memory files behind them.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "call.h"
#include "environment.h"
#include "exposure.h"
#include "fault_table.h"
#include "functions.h"

namespace {

bool IsClaimed(const Environment& environment, uintptr_t address, size_t length) {
  return std::any_of(environment.claims.begin(), environment.claims.end(),
                     [&](int slot) { return fault_table::Overlaps(slot, address, length); });
}

// Length of the mapping that a length of `length` bytes really makes.
size_t WholePages(size_t length) {
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return (length + page - 1) / page * page;
}

bool IsHeld(const Environment& environment, uintptr_t address, size_t length) {
  return std::any_of(environment.holds.begin(), environment.holds.end(),
                     [&](const auto& entry) { return entry.second->Covers(address, length); });
}

// Calls `apply(address, length)` on a range that must be this environment's own.
template <typename SystemCall>
napi_value OnOwnRange(Call& call, SystemCall apply) {
  const uintptr_t address = call.Address(0);
  const size_t length = call.Length(1);
  if (call.failed()) return nullptr;
  const Environment& environment = call.environment();
  if (!environment.ledger.Covers(address, length) && !IsHeld(environment, address, length)) {
    return Result(call.env(), -EINVAL);
  }
  return Result(call.env(), Retried([&] { return apply(reinterpret_cast<void*>(address), length); }));
}

int64_t MakeMemfd(const std::string& name, int64_t size, uint32_t flags, int seals) {
  const int64_t fd = Checked(memfd_create(name.c_str(), flags | MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd < 0) return fd;
  int64_t result = Retried([&] { return ftruncate(static_cast<int>(fd), size); });
  if (result == 0 && seals != 0) result = Checked(fcntl(static_cast<int>(fd), F_ADD_SEALS, seals));
  if (result == 0) return fd;
  close(static_cast<int>(fd));
  return result;
}

}  // namespace

napi_value PageSize(napi_env env, napi_callback_info) { return Result(env, sysconf(_SC_PAGESIZE)); }

napi_value Mmap(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const size_t length = call.Length(0);
  const int protection = call.Int(1, "prot");
  const int flags = call.Int(2, "flags");
  const int fd = call.Descriptor(3);
  const int64_t offset = call.Integer(4, "offset", -kSafe, kSafe);
  const uintptr_t hint = call.Given(5) ? call.Address(5) : 0;
  if (call.failed()) return nullptr;
  Ledger& ledger = call.environment().ledger;
  if ((flags & MAP_FIXED) != 0 && !ledger.Covers(hint, WholePages(length))) return Result(env, -EINVAL);
  void* address = mmap(reinterpret_cast<void*>(hint), length, protection, flags, fd, offset);
  if (address == MAP_FAILED) return Result(env, -errno);
  ledger.Mapped(reinterpret_cast<uintptr_t>(address), WholePages(length));
  return Result(env, reinterpret_cast<int64_t>(address));
}

napi_value Munmap(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const uintptr_t address = call.Address(0);
  const size_t length = WholePages(call.Length(1));
  if (call.failed()) return nullptr;
  Environment& environment = call.environment();
  if (!environment.ledger.Covers(address, length)) return Result(env, -EINVAL);
  // A claim that outlives its mapping would swallow the faults of whatever is mapped there next.
  if (IsClaimed(environment, address, length)) return Result(env, -EBUSY);
  const int64_t result = Checked(munmap(reinterpret_cast<void*>(address), length));
  if (result == 0) environment.ledger.Unmapped(address, length);
  return Result(env, result);
}

napi_value Retire(napi_env env, napi_callback_info info) {
  Call call(env, info);
  call.ArrayBuffer(0, "buffer");
  if (call.failed()) return nullptr;
  void* wrapped = nullptr;
  if (napi_unwrap(env, call.value(0), &wrapped) != napi_ok) return Result(env, -EINVAL);
  auto* exposure = static_cast<Exposure*>(wrapped);
  const uintptr_t address = exposure->address();
  const size_t length = WholePages(exposure->length());
  Environment& environment = call.environment();
  if (!environment.ledger.Covers(address, length)) return Result(env, -EINVAL);
  if (IsClaimed(environment, address, length)) return Result(env, -EBUSY);
  exposure->Retire();
  exposure->Detach(env, call.value(0));
  environment.ledger.Unmapped(address, length);
  return Result(env, 0);
}

napi_value Madvise(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const int advice = call.Int(2, "advice");
  return OnOwnRange(call, [=](void* address, size_t length) { return madvise(address, length, advice); });
}

napi_value Mlock(napi_env env, napi_callback_info info) {
  Call call(env, info);
  return OnOwnRange(call, mlock);
}

napi_value Munlock(napi_env env, napi_callback_info info) {
  Call call(env, info);
  return OnOwnRange(call, munlock);
}

napi_value Memfd(napi_env env, napi_callback_info info) {
  Call call(env, info);
  const std::string name = call.Text(0, "name");
  const int64_t size = call.Integer(1, "size", 0, kSafe);
  const uint32_t flags = call.Unsigned(2, "flags");
  const int seals = call.Int(3, "seals");
  if (call.failed()) return nullptr;
  const int64_t fd = MakeMemfd(name, size, flags, seals);
  if (fd >= 0) call.environment().ledger.Opened(static_cast<int>(fd));
  return Result(env, fd);
}
