// The functions that JavaScript sees, each documented in src/native.ts.
#pragma once

#include <napi.h>

// descriptor.cc
napi_value Open(napi_env env, napi_callback_info info);
napi_value Close(napi_env env, napi_callback_info info);
napi_value CloseAsync(napi_env env, napi_callback_info info);
napi_value Dup(napi_env env, napi_callback_info info);
napi_value Adopt(napi_env env, napi_callback_info info);
napi_value Ioctl(napi_env env, napi_callback_info info);
napi_value IoctlAsync(napi_env env, napi_callback_info info);
napi_value LedgerCounts(napi_env env, napi_callback_info info);

// scalar.cc
napi_value Pread(napi_env env, napi_callback_info info);
napi_value Pwrite(napi_env env, napi_callback_info info);
napi_value ReadScalar(napi_env env, napi_callback_info info);
napi_value WriteScalar(napi_env env, napi_callback_info info);

// memory.cc
napi_value PageSize(napi_env env, napi_callback_info info);
napi_value Mmap(napi_env env, napi_callback_info info);
napi_value Munmap(napi_env env, napi_callback_info info);
napi_value Madvise(napi_env env, napi_callback_info info);
napi_value Mlock(napi_env env, napi_callback_info info);
napi_value Munlock(napi_env env, napi_callback_info info);
napi_value Memfd(napi_env env, napi_callback_info info);

// view.cc
napi_value View(napi_env env, napi_callback_info info);
napi_value Detach(napi_env env, napi_callback_info info);
napi_value Retire(napi_env env, napi_callback_info info);
napi_value AddressOf(napi_env env, napi_callback_info info);

// hold.cc
napi_value HoldBytes(napi_env env, napi_callback_info info);
napi_value LetGo(napi_env env, napi_callback_info info);

// counter.cc
napi_value Eventfd(napi_env env, napi_callback_info info);
napi_value CounterRead(napi_env env, napi_callback_info info);
napi_value CounterAdd(napi_env env, napi_callback_info info);
napi_value CounterOffer(napi_env env, napi_callback_info info);
napi_value CounterWait(napi_env env, napi_callback_info info);
napi_value Poll(napi_env env, napi_callback_info info);

// watch.cc
napi_value WatchStart(napi_env env, napi_callback_info info);
napi_value Unwatch(napi_env env, napi_callback_info info);
napi_value WatchRef(napi_env env, napi_callback_info info);

// socket.cc
napi_value Socketpair(napi_env env, napi_callback_info info);
napi_value Socket(napi_env env, napi_callback_info info);
napi_value Bind(napi_env env, napi_callback_info info);
napi_value Connect(napi_env env, napi_callback_info info);
napi_value Listen(napi_env env, napi_callback_info info);
napi_value Accept(napi_env env, napi_callback_info info);
napi_value Shutdown(napi_env env, napi_callback_info info);
napi_value Peer(napi_env env, napi_callback_info info);
napi_value Sendmsg(napi_env env, napi_callback_info info);
napi_value Recvmsg(napi_env env, napi_callback_info info);

// frame.cc
napi_value SocketTimeout(napi_env env, napi_callback_info info);
napi_value ReceiveFrame(napi_env env, napi_callback_info info);
napi_value SendFrame(napi_env env, napi_callback_info info);
napi_value ExchangeFrames(napi_env env, napi_callback_info info);

// netlink.cc
napi_value Netlink(napi_env env, napi_callback_info info);
napi_value NetlinkReceive(napi_env env, napi_callback_info info);

// fault.cc
napi_value ClaimFaults(napi_env env, napi_callback_info info);
napi_value ReleaseFaults(napi_env env, napi_callback_info info);
napi_value FaultFlag(napi_env env, napi_callback_info info);
napi_value ClearFault(napi_env env, napi_callback_info info);

// constants.cc
Napi::Object Constants(Napi::Env env);
