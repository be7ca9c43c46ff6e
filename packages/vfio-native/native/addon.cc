// The table of functions. A call is one system call on plain integers; what fails returns its negative errno.
#include "environment.h"
#include "functions.h"

namespace {

struct Entry {
  const char* name;
  napi_callback function;
};

constexpr Entry kFunctions[] = {
    {"open", Open},
    {"close", Close},
    {"closeAsync", CloseAsync},
    {"dup", Dup},
    {"adopt", Adopt},
    {"ioctl", Ioctl},
    {"ioctlAsync", IoctlAsync},
    {"ledger", LedgerCounts},
    {"pread", Pread},
    {"pwrite", Pwrite},
    {"readScalar", ReadScalar},
    {"writeScalar", WriteScalar},
    {"pageSize", PageSize},
    {"mmap", Mmap},
    {"munmap", Munmap},
    {"madvise", Madvise},
    {"mlock", Mlock},
    {"munlock", Munlock},
    {"memfd", Memfd},
    {"view", View},
    {"detach", Detach},
    {"retire", Retire},
    {"addressOf", AddressOf},
    {"hold", HoldBytes},
    {"letGo", LetGo},
    {"eventfd", Eventfd},
    {"counterRead", CounterRead},
    {"counterAdd", CounterAdd},
    {"counterOffer", CounterOffer},
    {"counterWait", CounterWait},
    {"poll", Poll},
    {"watch", WatchStart},
    {"unwatch", Unwatch},
    {"watchRef", WatchRef},
    {"socketpair", Socketpair},
    {"socket", Socket},
    {"bind", Bind},
    {"connect", Connect},
    {"listen", Listen},
    {"accept", Accept},
    {"shutdown", Shutdown},
    {"peer", Peer},
    {"sendmsg", Sendmsg},
    {"recvmsg", Recvmsg},
    {"socketTimeout", SocketTimeout},
    {"receiveFrame", ReceiveFrame},
    {"sendFrame", SendFrame},
    {"exchangeFrames", ExchangeFrames},
    {"netlink", Netlink},
    {"netlinkReceive", NetlinkReceive},
    {"claimFaults", ClaimFaults},
    {"releaseFaults", ReleaseFaults},
    {"faultFlag", FaultFlag},
    {"clearFault", ClearFault},
};

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  Environment* environment = Environment::Create(env);
  if (environment == nullptr) {
    Napi::Error::New(env, "the runtime refused per-environment data").ThrowAsJavaScriptException();
    return exports;
  }
  for (const Entry& entry : kFunctions) {
    napi_value function = nullptr;
    napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.function, environment, &function);
    exports.Set(entry.name, Napi::Value(env, function));
  }
  exports.Set("constants", Constants(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(vfio_native, Init)
