// A signal handler that shares its signal with the handlers that were there before, and with those that come later.
#pragma once

#include <signal.h>

namespace signal_chain {

// Whether the signal was ours and has been dealt with. Runs in the handler: async-signal-safe calls only.
using Claimant = bool (*)(const siginfo_t* info);

// Puts the handler on top unless it is there already. Signals the claimant declines go to what was on top before; where
// that is the default action, the default is restored and the signal takes its course. One signal per process.
// The caller holds a lock. Returns 0 or a negative errno.
int Install(int signal, Claimant claimant);

}  // namespace signal_chain
