import type { ErrorNotes } from "./notes.ts";

/** Finding functions, and giving them to user space and back. */
export const bindingNotes = {
  ERR_NO_DEVICE: {
    causes: [
      "The address is not that of a function of this machine: a digit is wrong, or the device moved to another slot.",
      "The device was unplugged, or its virtual function was taken away.",
    ],
    evidence: ["`userpci list`", "`details.address` is the address that was asked for"],
    fix: [
      "take the address from `userpci list --id VENDOR:DEVICE`",
      "look for devices that came later: `echo 1 | sudo tee /sys/bus/pci/rescan`",
    ],
    example: "there is no PCI function 0000:00:07.0",
  },
  ERR_WRONG_DRIVER: {
    causes: [
      "The function belongs to a driver of the kernel, or to none; a program can open it only while a VFIO driver has it.",
    ],
    evidence: ["`userpci list` (column DRIVER)"],
    fix: ['`sudo userpci bind ADDRESS --user "$USER"`'],
    example: "0000:00:04.0 is bound to e1000e, not to vfio-pci",
  },
  ERR_BIND_FAILED: {
    causes: [
      "The driver's probe failed, as vfio-pci's does for a device that answers with ones only.",
      "Another tool changed `driver_override` or bound the function meanwhile.",
      "The process that writes to the kernel was killed.",
    ],
    evidence: ["`sudo dmesg | grep ADDRESS`", "`cat /sys/bus/pci/devices/ADDRESS/driver_override`"],
    fix: ["`sudo userpci restore ADDRESS`, which puts right what is left", "`userpci doctor ADDRESS`"],
    example: "0000:00:04.0 did not go to vfio-pci: it has no driver",
  },
  ERR_BIND_REFUSED: {
    causes: [
      "The function is a bridge, or the machine itself runs through it.",
      "Virtual functions of it are enabled, and would lose their card.",
    ],
    evidence: ["`userpci show ADDRESS`"],
    fix: [
      "leave bridges where they are: on pcieport or without a driver they do not block their group",
      "take the virtual functions away first, or bind one of them instead: `userpci show ADDRESS` lists them",
    ],
    example: "0000:00:1c.0 is a bridge (header type 1); vfio-pci takes endpoints only",
  },
  ERR_IN_USE: {
    causes: [
      "A file system or swap space is on the function's disk, maybe through LVM or RAID.",
      "Routes or addresses of the machine are on the function's network card.",
      "The machine's display or console is on the function, or a process has its node open.",
    ],
    evidence: [
      "`userpci bind ADDRESS --plan`",
      "the risks in the error's `details`, each with the file that says so",
    ],
    fix: [
      "take each away with the command that the plan has for it, such as `sudo umount /mnt`",
      "to take the function all the same: `sudo userpci bind ADDRESS --force`",
    ],
    example: "this machine uses 0000:01:00.0: /home (ext4) is mounted from nvme0n1p2",
  },
  ERR_NO_IOMMU: {
    causes: [
      "VT-d or AMD-Vi is off in the firmware's set-up.",
      "The kernel was told not to use it, or not told to: on Intel many kernels need `intel_iommu=on`.",
      "The function is behind no IOMMU, as are some of a chipset.",
      "The machine is virtual, and its host gives it no IOMMU.",
    ],
    evidence: [
      "`ls /sys/class/iommu`",
      "`cat /proc/cmdline`",
      "`sudo dmesg | grep -e DMAR -e AMD-Vi`",
      "`userpci doctor` tells which of them it is",
    ],
    fix: [
      "switch VT-d or AMD-Vi on in the firmware's set-up",
      "add `intel_iommu=on` to the kernel command line (and remove `iommu=off`), and reboot",
      "without any: `userpci demo` drives a device that needs none",
    ],
    example: "0000:00:04.0 is in no IOMMU group, so nothing would contain its DMA",
  },
  ERR_GROUP_NOT_VIABLE: {
    causes: [
      "Another function of the IOMMU group belongs to a driver of the kernel. Members of a group can reach each other past the IOMMU, so all leave their drivers or none.",
      "A bridge above lacks ACS, so that everything below it is one group.",
    ],
    evidence: [
      "`userpci groups`",
      "`userpci show ADDRESS` names each member, its driver, and whether it blocks",
      "`details.blockers`",
    ],
    fix: [
      "bind each member that blocks: `sudo userpci bind MEMBER` (bridges may stay on pcieport)",
      "or move the card to a slot whose bridge has ACS",
    ],
    example: "IOMMU group 4 is not viable: 0000:03:02.0 (e1000) is still bound to a kernel driver",
  },
  ERR_GROUP_BUSY: {
    causes: [
      "A function of the group is open in another domain or backend of this process; a group has one domain at a time.",
      "A hot reset would also hit functions that are open elsewhere, or that user space does not own.",
    ],
    evidence: ["`userpci groups`", "`userpci holders ADDRESS`"],
    fix: [
      "open both functions into one domain: `openDevice(address, { domain })`",
      "close what is open in the other domain first",
    ],
    example: "group 4 of 0000:03:02.0 is already in another domain",
  },
  ERR_DEVICE_BUSY: {
    causes: [
      "Another process, or another part of this one, has the group's node or the device's node open. VFIO lets one in.",
      "A vfio-user server has as many clients as it takes, and refuses others.",
    ],
    evidence: ["`userpci holders ADDRESS`", "`sudo fuser -v /dev/vfio/*`", "`details.holders`"],
    fix: [
      "end the process that the message names, or close the device in it",
      "`sudo userpci unbind ADDRESS` asks it to let go, and waits",
      "`userpci serve --clients many` gives each client a function of its own",
    ],
    example: "/dev/vfio/4 is open elsewhere, by pid 4711 (node driver.js)",
  },
  ERR_PERMISSION: {
    causes: [
      "The node of the function belongs to root until it is given to a user.",
      "Writing sysfs takes root: `bind`, `unbind`, `reset` and what else changes the machine.",
      "In a container /sys is mounted read-only, or /dev/vfio is not passed in.",
      "The kernel is locked down (Secure Boot), which keeps even root from writing configuration space.",
    ],
    evidence: ["`path` of the error is the file", "`ls -l PATH`", "`cat /sys/kernel/security/lockdown`"],
    fix: [
      'a node: `sudo userpci bind ADDRESS --user "$USER"`; to stay so after a reboot, see `userpci permit --help`',
      "sysfs: run the same command with `sudo`",
      "in a container: bind on the host, and pass the nodes in",
    ],
    example: "this user may not open /dev/vfio/4",
  },
  ERR_NODE_TAKEN: {
    causes: [
      "Functions that share a node have one user: the members of a group, and all that are used through /dev/iommu. Another user has one of them.",
    ],
    evidence: ["`ls -l /dev/vfio /dev/iommu`", "`userpci show ADDRESS` (line access)"],
    fix: [
      "give both to the same user: `sudo userpci bind ADDRESS --user NAME`",
      "or give the other one back first: `sudo userpci unbind OTHER`",
    ],
    example: "/dev/vfio/4 cannot be bob's: it belongs to uid 1000, who was given 0000:00:05.0",
  },
} as const satisfies Readonly<Record<string, ErrorNotes>>;
