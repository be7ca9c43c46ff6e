import type { ErrorNotes } from "./notes.ts";

/** Registers, interrupts, reset, and the life of what is open. */
export const accessNotes = {
  ERR_INVALID_ARGUMENT: {
    causes: [
      "An argument of a call, or a value on the command line, has another type than it should, or means nothing.",
    ],
    evidence: ["the message has the value as it was given"],
    fix: ["the hint says what may be given; `userpci COMMAND --help` lists arguments and options"],
    example: '"four" is not the number of an IOMMU group',
  },
  ERR_OUT_OF_RANGE: {
    causes: ["An offset, length, index or count passes the end of what it counts in, or is negative."],
    evidence: ["the message has the value and the range"],
    fix: ["`userpci show ADDRESS` tells the size of each BAR, and of configuration space"],
    example: "offset 4096 and size 4 pass the end of memory of 4096 bytes",
  },
  ERR_MISALIGNED: {
    causes: ["Hardware takes an access of 4 bytes at a multiple of 4 only, and an IOMMU whole pages."],
    evidence: ["the message has the value, and the hint the nearest ones that do"],
    fix: ["use one of the values of the hint"],
    example: "offset is 0x2, not a multiple of 4",
  },
  ERR_CLOSED: {
    causes: [
      "The object was closed before, by itself or with its owner: closing a device closes its registers, memory and interrupts.",
      "An `await using` block that opened it was left.",
    ],
    evidence: ["the message names what is closed"],
    fix: ["open it again, and close it after its last use"],
    example: 'the memory for "ring" is closed',
  },
  ERR_BUSY: {
    causes: [
      "Another call that has not finished uses the object, or a mapping that is alive does.",
      "Another process binds, unbinds or resets the same function.",
    ],
    evidence: ["the message names the call or the process"],
    fix: [
      "await the first call, or close what uses the object",
      "wait for the other process, and run the command again",
    ],
    example: "2 mappings still use the memory",
  },
  ERR_NOT_SUPPORTED: {
    causes: [
      "The kernel is too old for the feature, or was built without it.",
      "The backend has no such thing: an emulated device has no node, a container no page of dirty bits.",
      "The device has no such capability.",
    ],
    evidence: [
      "`uname -r`",
      "`zgrep -e VFIO -e IOMMUFD /proc/config.gz /boot/config-$(uname -r)`",
      "`device.features` in a program",
      "`userpci doctor` lists features by kernel version",
    ],
    fix: [
      "load what is missing: `sudo modprobe vfio-pci`",
      "the hint names the version that has it, or another way",
    ],
    example: "/dev/iommu does not exist",
  },
  ERR_NO_RESET: {
    causes: [
      "The function has no reset of its own (FLR, power management), and its bus cannot be reset for it alone.",
    ],
    evidence: ["`userpci show ADDRESS` (line resets)", "`cat /sys/bus/pci/devices/ADDRESS/reset_method`"],
    fix: [
      "open it without `requireReset` if the state in which it is does not matter",
      '`device.hotReset()` resets all functions of its bus or slot, if `device.features.has("hot-reset")`',
    ],
    example: "0000:00:04.0 has no reset method, and a reset was required",
  },
  ERR_MSIX_TABLE: {
    causes: [
      "Offset and length touch the MSI-X table, which the kernel programs: who writes it could aim interrupts anywhere.",
    ],
    evidence: ["`userpci show ADDRESS` tells in which BAR and where the table is"],
    fix: [
      'set vectors up with `device.irqs.enable("msix")`',
      "leave the table out of what is mapped or dumped",
    ],
    example: "offset 0x2000 of BAR 0 is in the MSI-X table, which the kernel programs",
  },
  ERR_IRQ_BUSY: {
    causes: [
      "Interrupts of this or another kind are enabled: INTx, MSI and MSI-X exclude each other.",
      "Something else reads the vector: a worker, a callback, or a wait.",
    ],
    evidence: ["the message names the kind or the reader"],
    fix: ["close the set that is enabled first", "end the other reader, or listen twice with `on()`"],
    example: "INTx of 0000:00:04.0 cannot be enabled: MSI is, with 1 vector(s)",
  },
  ERR_IRQ_COUNT: {
    causes: ["The function has fewer vectors than were asked for, or none of this kind."],
    evidence: [
      "`userpci show ADDRESS` (capabilities msi and msix)",
      "`device.irqs.info(kind).count` in a program",
    ],
    fix: [
      "ask for as many as there are, and let vectors serve several queues",
      "another kind: msix, msi, intx",
    ],
    example: "0000:00:04.0 has MSI vectors 0 to 0, not 3",
  },
  ERR_MEMORY_DISABLED: {
    causes: [
      "The Memory Space bit of the command register is off, as after a reset, so that nobody answers at a BAR.",
      "The function sleeps: a power state other than D0, which was set by hand.",
    ],
    evidence: [
      "`userpci setpci -s ADDRESS COMMAND`: bit 1 is 0",
      "`userpci config get ADDRESS pm.control.powerState`",
    ],
    fix: [
      "`device.config.command.update({ memory: true })`",
      "`sudo userpci config set ADDRESS pm.control.powerState=D0`",
    ],
    example: "0000:00:04.0 does not decode memory: a read of BAR 0 found nobody",
  },
  ERR_RESETTING: {
    causes: [
      "A reset is under way, in this program or by a neighbour's hot reset; registers answer nonsense until it is over.",
    ],
    evidence: ["the message names the function"],
    fix: ["await the promise of `reset()` before the next access"],
    example: "0000:00:04.0 is being reset",
  },
  ERR_DEVICE_GONE: {
    causes: [
      "The device was unplugged, or its link went down: reads give all ones.",
      "It was taken back: `userpci unbind`, removal in sysfs, or the end of its server.",
    ],
    evidence: ["`userpci list`", "`sudo dmesg | tail`", "`userpci monitor` shows it as it happens"],
    fix: [
      "close the device; `device.onRelease()` is told before, where the system asks first",
      "open it again when it is back: `echo 1 | sudo tee /sys/bus/pci/rescan`",
    ],
    example: "0000:01:00.0 does not answer",
  },
  ERR_CAPABILITY: {
    causes: [
      "The device's own configuration space is wrong: a list that never ends, a structure that is cut off, a BAR that does not exist.",
    ],
    evidence: ["`userpci show ADDRESS` lists what it reads, and its problems"],
    fix: [
      "reset the device, or update its firmware",
      "use another kind of interrupt if the MSI-X capability is what is wrong",
    ],
    example: "the MSI-X table are said to be in BAR 7; the last is 5",
  },
  ERR_TIMEOUT: {
    causes: [
      "The device did not finish or interrupt in time: bus mastering or the interrupt is off, or it is stuck.",
      "The kernel waits for a program to let go of the function.",
      "A vfio-user server has as many clients as it takes.",
    ],
    evidence: ["`userpci holders ADDRESS`", "`sudo dmesg | tail` (Relaying device request to user)"],
    fix: [
      "end the process that the message names; the kernel then goes on by itself",
      "give more time: `--timeout SECONDS`, `timeoutMs`",
      "reset the device if it is stuck",
    ],
    example: "waited 30.0 s for vfio-pci to let go of 0000:00:05.0, held by pid 4711 (node driver.js)",
  },
  ERR_ABORTED: {
    causes: ["The AbortSignal that the call was given fired, or the command was interrupted (Ctrl-C)."],
    evidence: ["`cause` is the signal's reason"],
    fix: ["call again", "after a `bind` or `unbind` that was interrupted: `sudo userpci restore ADDRESS`"],
    example: "waiting for an interrupt was aborted",
  },
} as const satisfies Readonly<Record<string, ErrorNotes>>;
