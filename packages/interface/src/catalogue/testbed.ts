import type { ErrorNotes } from "./notes.ts";

/** An error of the test bed, which has its own class and no dependency: what it means is written here once more. */
export interface TestbedNotes extends ErrorNotes {
  readonly meaning: string;
}

/** Booting a virtual machine, for `userpci demo --vm`, `userpci testbed` and tests. */
export const testbedNotes: Readonly<Record<string, TestbedNotes>> = {
  ERR_TESTBED_ARGUMENT: {
    meaning: "an option or argument is not valid",
    causes: ["A device, machine or number that the test bed does not know."],
    evidence: ["the message has the value as it was given"],
    fix: ["`userpci-testbed --help` lists options; the hint lists device names"],
    example: "the command is empty",
  },
  ERR_TESTBED_PLATFORM: {
    meaning: "this machine lacks something that cannot be fetched here",
    causes: ["It is no x86-64 Linux, or has no apt and none of the parts: QEMU, a kernel, busybox."],
    evidence: ["the message lists what is missing"],
    fix: [
      "install what it lists",
      "name your own: `USERPCI_QEMU`, `USERPCI_KERNEL`",
      "run it on Debian or Ubuntu, where it fetches all by itself",
    ],
    example: "the test bed runs on x86-64 Linux, not on darwin arm64",
  },
  ERR_TESTBED_PROVISION: {
    meaning: "downloading or unpacking QEMU, the kernel or the tools failed",
    causes: [
      "No network, a mirror that has not what is asked for, a full disk, or a cache that cannot be written.",
    ],
    evidence: ["`log` of the error is what apt or the compiler printed"],
    fix: [
      "run it again when the network is back; what was fetched is kept",
      "name another mirror in `USERPCI_DEBIAN_MIRROR`, another folder in `USERPCI_CACHE`",
    ],
    example: "the cache directory /root/.cache/userpci cannot be written",
  },
  ERR_TESTBED_BOOT: {
    meaning: "the guest did not reach its agent",
    causes: [
      "QEMU refused a device, the guest's kernel did not start, or the machine is so busy that it took too long.",
    ],
    evidence: ["`log` is the guest's console"],
    fix: ["look at the last lines of the log", "boot it again with fewer devices"],
    example: "no temporary directory under /tmp",
  },
  ERR_TESTBED_PANIC: {
    meaning: "the guest's kernel panicked (every oops is a panic here)",
    causes: ["A fault of a driver in the guest, or of QEMU's device."],
    evidence: ["`log` has the kernel's trace"],
    fix: ["report the trace to whoever owns the module that it names"],
    example: "Kernel panic - not syncing: Fatal exception",
  },
  ERR_TESTBED_HUNG: {
    meaning: "the guest stopped answering and was killed",
    causes: ["The guest's kernel waits for itself, or the machine that emulates it has no processor left."],
    evidence: ["`log` is the guest's console"],
    fix: ["run fewer machines at a time", "give more time with `timeoutMs`"],
    example: "the guest has not answered for 60 s and was killed",
  },
  ERR_TESTBED_EXITED: {
    meaning: "QEMU or the guest's agent ended by itself",
    causes: [
      "Something killed QEMU, as the kernel does when memory runs out, or the command powered the guest off.",
    ],
    evidence: ["`log`; on the host `dmesg | tail`"],
    fix: ["free memory (a machine takes 2 GiB)"],
    example: "QEMU ended (killed by SIGKILL): no message",
  },
  ERR_TESTBED_CLOSED: {
    meaning: "the virtual machine was closed",
    causes: ["`close()` was called while a command ran, or the process that owns the machine ended."],
    evidence: ["the message names which"],
    fix: ["close the machine after its last command; `await using` does"],
    example: "the virtual machine was closed",
  },
  ERR_TESTBED_SPAWN: {
    meaning: 'the guest could not start "lspic" in / as root: ENOENT',
    causes: [
      "There is no such program in the guest, which sees the host's file system, or its user may not run it.",
    ],
    evidence: ["the message has the command"],
    fix: ["give a path that is on the host, and readable for the user that runs it"],
    example: 'the guest could not start "lspic" in / as root: ENOENT',
  },
  ERR_TESTBED_TIMEOUT: {
    meaning: "the command ran past its time limit and was killed",
    causes: ["It waits for something; emulation is 10 to 30 times slower than the host."],
    evidence: ["`log` has what it printed"],
    fix: ["give more time: `--timeout SECONDS`, `timeoutMs`", "see in the log what it waits for"],
    example: "node driver.js: killed after 30 s in the guest",
  },
  ERR_TESTBED_COMMAND: {
    meaning: "the command failed and `check` was asked for",
    causes: ["The command ended with another status than 0."],
    evidence: ["`log` has what it printed, and the kernel's messages"],
    fix: ["mend what the log says, or take the status without `check`"],
    example: "sh -c false: status 1 in the guest",
  },
  ERR_TESTBED_QMP: {
    meaning: "QEMU refused a QMP command",
    causes: [
      "The command or one of its arguments does not exist in this version of QEMU, or the device is not there.",
    ],
    evidence: ["the message has the command and QEMU's reason"],
    fix: ["see QEMU's QMP reference for the command"],
    example: "QMP device_del: Device 'in-dma' not found",
  },
  ERR_TESTBED_PROTOCOL: {
    meaning: "a peer sent something that is not the test bed's protocol",
    causes: ["Another program connected to the test bed's socket, or two versions of it met."],
    evidence: ["the message says what came"],
    fix: ["use one version; set-up and tests come from one installation"],
    example: "frame of unknown type 99",
  },
};
