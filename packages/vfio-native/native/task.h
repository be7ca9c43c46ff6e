// One system call on the thread pool, seen by JavaScript as a promise that is never rejected.
#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>

// `run` happens on a pool thread and must not touch JavaScript. `done`, if any, happens back on the environment's own
// thread, also when the environment is ending; then the promise resolves to what `run` returned.
napi_value StartTask(napi_env env, const char* name, std::function<int64_t()> run, std::function<void(int64_t)> done);
