// Numbers of the system's headers, for the architecture the addon was built for.
#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/netlink.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "functions.h"

namespace {

struct Constant {
  const char* name;
  uint32_t value;
};

#define CONSTANT(name) {#name, static_cast<uint32_t>(name)}
constexpr Constant kConstants[] = {
    CONSTANT(O_RDONLY), CONSTANT(O_RDWR), CONSTANT(O_NONBLOCK),
    CONSTANT(PROT_NONE), CONSTANT(PROT_READ), CONSTANT(PROT_WRITE),
    CONSTANT(MAP_SHARED), CONSTANT(MAP_PRIVATE), CONSTANT(MAP_ANONYMOUS), CONSTANT(MAP_FIXED),
    CONSTANT(MAP_FIXED_NOREPLACE), CONSTANT(MAP_NORESERVE), CONSTANT(MAP_POPULATE),
    CONSTANT(MADV_DONTFORK), CONSTANT(MADV_DOFORK), CONSTANT(MADV_DONTDUMP), CONSTANT(MADV_HUGEPAGE),
    CONSTANT(MFD_HUGETLB), CONSTANT(MFD_HUGE_2MB), CONSTANT(MFD_HUGE_1GB),
    CONSTANT(F_SEAL_SEAL), CONSTANT(F_SEAL_SHRINK), CONSTANT(F_SEAL_GROW), CONSTANT(F_SEAL_WRITE),
    CONSTANT(EFD_SEMAPHORE),
    CONSTANT(SOCK_STREAM), CONSTANT(SOCK_DGRAM), CONSTANT(SOCK_SEQPACKET), CONSTANT(SOCK_NONBLOCK),
    CONSTANT(SHUT_RD),
    CONSTANT(NETLINK_KOBJECT_UEVENT),
};
#undef CONSTANT

}  // namespace

Napi::Object Constants(Napi::Env env) {
  Napi::Object constants = Napi::Object::New(env);
  for (const Constant& constant : kConstants) constants.Set(constant.name, static_cast<double>(constant.value));
  constants.Freeze();
  return constants;
}
