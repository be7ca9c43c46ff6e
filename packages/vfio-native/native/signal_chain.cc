#include "signal_chain.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace signal_chain {
namespace {

// A disposition found on top when ours was put there. Links are never freed, because a handler may be walking them;
// one is made each time another handler is found on top.
struct Link {
  struct sigaction action;
  const Link* older;
};

std::atomic<const Link*> newest;
std::atomic<Claimant> claim;

// How far this thread has walked. Two copies of the addon that were each put on top of the other call one another; a
// handler that finds itself called with the same context from deeper in the stack goes on with the next older link.
// Static TLS: the dynamic kind may allocate on first use, which a signal handler must not.
struct Walk {
  const void* context;
  const char* frame;
  const Link* next;
};
__attribute__((tls_model("initial-exec"))) thread_local Walk walk;

bool IsDefault(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

bool IsIgnore(const Link* link) {
  return link != nullptr && (link->action.sa_flags & SA_SIGINFO) == 0 && link->action.sa_handler == SIG_IGN;
}

// Signals that somebody sent, as opposed to faults of the instruction that was interrupted.
bool WasSent(const siginfo_t* info) { return info->si_code <= 0 || info->si_code == BUS_MCEERR_AO; }

// Lets the kernel do what it would have done without handlers. A fault happens again when the handler returns, and then
// shows its true address in a core dump; a signal that was sent must be sent again.
void TakeDefault(int signal, const siginfo_t* info, const Link* link) {
  if (IsIgnore(link) && WasSent(info)) return;
  alignas(8) const unsigned char kernel_sigaction[64] = {};  // handler 0 is SIG_DFL
  constexpr size_t kSignalSetSize = 8;
  syscall(SYS_rt_sigaction, signal, kernel_sigaction, nullptr, kSignalSetSize);
  if (WasSent(info)) syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), signal);
}

void PassOn(int signal, siginfo_t* info, void* context) {
  const char* frame = static_cast<const char*>(__builtin_frame_address(0));
  const bool again = walk.context == context && frame < walk.frame;
  const Link* link = again ? walk.next : newest.load(std::memory_order_acquire);
  if (link == nullptr || IsDefault(link->action)) return TakeDefault(signal, info, link);
  walk = {context, frame, link->older};
  if ((link->action.sa_flags & SA_SIGINFO) != 0) {
    link->action.sa_sigaction(signal, info, context);
  } else {
    link->action.sa_handler(signal);
  }
  walk = {};
}

void OnSignal(int signal, siginfo_t* info, void* context) {
  const int before = errno;
  if (!claim.load(std::memory_order_acquire)(info)) PassOn(signal, info, context);
  errno = before;
}

bool Same(const struct sigaction& a, const struct sigaction& b) {
  // sa_handler and sa_sigaction are one field.
  return a.sa_handler == b.sa_handler && (a.sa_flags & SA_SIGINFO) == (b.sa_flags & SA_SIGINFO);
}

// The chain without `action`, which is about to become its newest link.
const Link* Without(const Link* link, const struct sigaction& action) {
  if (link == nullptr) return nullptr;
  const Link* older = Without(link->older, action);
  if (Same(link->action, action)) return older;
  return older == link->older ? link : new Link{link->action, older};
}

void Remember(const struct sigaction& action) {
  const Link* current = newest.load();
  if (current != nullptr && Same(current->action, action)) return;
  // Below the default action nothing is ever asked.
  const Link* older = IsDefault(action) ? nullptr : Without(current, action);
  newest.store(new Link{action, older}, std::memory_order_release);
}

}  // namespace

int Install(int signal, Claimant claimant) {
  struct sigaction current = {};
  if (sigaction(signal, nullptr, &current) != 0) return -errno;
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == OnSignal) return 0;
  claim.store(claimant, std::memory_order_release);
  Remember(current);
  struct sigaction ours = {};
  ours.sa_sigaction = OnSignal;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  return sigaction(signal, &ours, nullptr) == 0 ? 0 : -errno;
}

}  // namespace signal_chain
