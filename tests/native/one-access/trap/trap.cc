#include "trap.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cerrno>

namespace {

constexpr size_t kCapacity = 4096;
constexpr size_t kStackSize = 64 * 1024;
constexpr greg_t kTrapFlag = 0x100;

// REG_* of <ucontext.h> in the order of the instruction encoding.
constexpr int kEncoded[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

Guard guard = {nullptr, 0};
// Code is read through the kernel, which stops at the end of a mapping and ignores protection keys.
int own_memory = -1;
volatile sig_atomic_t armed = 0;
struct sigaction previous_fault;
struct sigaction previous_trap;
Touch touches[kCapacity];
size_t count = 0;
size_t lost = 0;

void Protect(int rights) { mprotect(guard.start, guard.size, rights); }

void Record(const siginfo_t* info, const ucontext_t* context) {
  if (count == kCapacity) {
    ++lost;
    return;
  }
  const greg_t* registers = context->uc_mcontext.gregs;
  Touch& touch = touches[count++];
  touch.address = reinterpret_cast<uint64_t>(info->si_addr);
  touch.error = registers[REG_ERR];
  for (int i = 0; i < 16; ++i) touch.registers[i] = registers[kEncoded[i]];
  const ssize_t length = pread(own_memory, touch.code, kLongestInstruction, registers[REG_RIP]);
  touch.length = length < 0 ? 0 : length;
}

void OnFault(int, siginfo_t* info, void* opaque) {
  const int saved = errno;
  auto* context = static_cast<ucontext_t*>(opaque);
  const auto* at = static_cast<uint8_t*>(info->si_addr);
  if (!armed || at < guard.start || at >= guard.start + guard.size) {
    sigaction(SIGSEGV, &previous_fault, nullptr);  // not ours: fault again, for whoever it belongs to
  } else {
    Record(info, context);
    Protect(PROT_READ | PROT_WRITE);
    context->uc_mcontext.gregs[REG_EFL] |= kTrapFlag;
  }
  errno = saved;
}

void OnTrap(int, siginfo_t*, void* opaque) {
  const int saved = errno;
  auto* context = static_cast<ucontext_t*>(opaque);
  if (armed) Protect(PROT_NONE);
  context->uc_mcontext.gregs[REG_EFL] &= ~kTrapFlag;
  errno = saved;
}

// The handlers run on a stack of their own: how much JavaScript has left on its own is not known.
int UseOwnStack() {
  static uint8_t stack[kStackSize];
  stack_t wanted = {};
  wanted.ss_sp = stack;
  wanted.ss_size = sizeof stack;
  return sigaltstack(&wanted, nullptr) == 0 ? 0 : -errno;
}

int Handle(int signal, void (*handler)(int, siginfo_t*, void*), struct sigaction* previous) {
  struct sigaction action = {};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigfillset(&action.sa_mask);
  return sigaction(signal, &action, previous) == 0 ? 0 : -errno;
}

}  // namespace

Guard GuardedMemory(size_t size) {
  if (guard.start != nullptr) return guard;
  own_memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
  if (own_memory < 0) return {nullptr, 0};
  void* start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) return {nullptr, 0};
  guard = {static_cast<uint8_t*>(start), size};
  return guard;
}

int Arm() {
  if (armed || guard.start == nullptr) return -EBUSY;
  int result = UseOwnStack();
  if (result == 0) result = Handle(SIGSEGV, OnFault, &previous_fault);
  if (result == 0) result = Handle(SIGTRAP, OnTrap, &previous_trap);
  if (result != 0) return result;
  count = lost = 0;
  armed = 1;
  Protect(PROT_NONE);
  return 0;
}

void Disarm() {
  if (!armed) return;
  armed = 0;
  Protect(PROT_READ | PROT_WRITE);
  sigaction(SIGSEGV, &previous_fault, nullptr);
  sigaction(SIGTRAP, &previous_trap, nullptr);
}

Recording Recorded() { return {touches, count, lost}; }
