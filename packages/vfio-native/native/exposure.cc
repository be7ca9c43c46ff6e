#include "exposure.h"

#include <sys/mman.h>

#include <cerrno>

#include "environment.h"

namespace {

// Puts memory that nobody else has in place of what is mapped. If the kernel refuses, that stays where it is.
void Replace(void* start, size_t length) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  if (mmap(start, length, PROT_READ | PROT_WRITE, flags | MAP_FIXED, -1, 0) != MAP_FAILED) return;
  // Before Linux 6.12 a kernel with strict accounting (vm.overcommit_memory) takes the old mapping away before it refuses
  // the new one. Memory without access is not accounted, and holds a place that is empty.
  mmap(start, length, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
}

bool IsDetached(napi_env env, napi_value buffer) {
  bool detached = false;
  napi_is_detached_arraybuffer(env, buffer, &detached);
  return detached;
}

}  // namespace

int64_t Exposure::Show(napi_env env, Environment& environment, uintptr_t address, size_t length, napi_value* buffer) {
  auto* exposure = new Exposure{environment, address, length};
  environment.exposures.insert(exposure);
  const napi_status status = napi_create_external_arraybuffer(env, reinterpret_cast<void*>(address), length, BytesGone,
                                                              exposure, buffer);
  if (status != napi_ok) {
    // Where external buffers exist at all, the runtime lets go of the bytes of one that it could not make.
    if (status == napi_no_external_buffers_allowed) BytesGone(env, nullptr, exposure);
    BufferGone(env, nullptr, exposure);
    return status == napi_no_external_buffers_allowed ? -ENOTSUP : -EFBIG;
  }
  if (!environment.herald.Renew(env) || napi_create_reference(env, *buffer, 0, &exposure->buffer_) != napi_ok ||
      napi_wrap(env, *buffer, exposure, BufferGone, exposure, nullptr) != napi_ok) {
    exposure->Detach(env, *buffer);
    BufferGone(env, nullptr, exposure);
    return -ENOTSUP;
  }
  return 0;
}

void Exposure::Detach(napi_env env, napi_value buffer) {
  if (IsDetached(env, buffer)) return;
  emptied_ = napi_detach_arraybuffer(env, buffer) == napi_ok;
}

void Exposure::Retire() {
  Replace(reinterpret_cast<void*>(address_), length_);
  retired_ = true;
}

void Exposure::Outlive(napi_env env) {
  if (!Moved(env)) return;
  Ledger& ledger = environment_->ledger;
  if (!retired_ && ledger.Covers(address_, length_)) {
    Replace(reinterpret_cast<void*>(address_), length_);
    ledger.Unmapped(address_, length_);
  }
  retired_ = false;
}

void Exposure::End() {
  if (retired_) Unmap();
  environment_ = nullptr;
}

bool Exposure::Moved(napi_env env) const {
  if (!bytes_held_ || emptied_) return false;
  napi_value buffer = nullptr;
  if (napi_get_reference_value(env, buffer_, &buffer) != napi_ok || buffer == nullptr) return true;
  return IsDetached(env, buffer);
}

void Exposure::Unmap() {
  munmap(reinterpret_cast<void*>(address_), length_);
  retired_ = false;
}

void Exposure::BytesGone(napi_env, void*, void* hint) {
  auto* exposure = static_cast<Exposure*>(hint);
  exposure->bytes_held_ = false;
  exposure->LetGo();
}

void Exposure::BufferGone(napi_env env, void*, void* hint) {
  auto* exposure = static_cast<Exposure*>(hint);
  if (exposure->buffer_ != nullptr) napi_delete_reference(env, exposure->buffer_);
  exposure->buffer_ = nullptr;
  exposure->buffer_held_ = false;
  exposure->LetGo();
}

void Exposure::LetGo() {
  if (buffer_held_ || bytes_held_) return;
  if (environment_ != nullptr) {
    environment_->exposures.erase(this);
    if (retired_) Unmap();
  }
  delete this;
}
