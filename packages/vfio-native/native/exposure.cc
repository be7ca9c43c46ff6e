#include "exposure.h"

#include <sys/mman.h>

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

}  // namespace

void Exposure::Retire(Environment& environment) {
  Replace(reinterpret_cast<void*>(address), length);
  environment_ = &environment;
  environment.retired.insert(this);
}

void Exposure::Unmap() {
  munmap(reinterpret_cast<void*>(address), length);
  environment_ = nullptr;
}

void Exposure::LetGo(napi_env, void*, void* hint) {
  auto* exposure = static_cast<Exposure*>(hint);
  if (--exposure->holders_ > 0) return;
  if (exposure->environment_ != nullptr) {
    exposure->environment_->retired.erase(exposure);
    exposure->Unmap();
  }
  delete exposure;
}
