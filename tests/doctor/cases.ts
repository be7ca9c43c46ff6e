/** Broken set-ups and what `userpci doctor` says first of each: the table of docs/doctor.md. */

/** What is to be found in a set-up. */
export interface DoctorCase {
  /** What is wrong. */
  readonly setup: string;
  /** Words behind `userpci doctor`. */
  readonly words: readonly string[];
  /** The check that finds it; null where nothing is in the way. */
  readonly first: string | null;
  /** A part of what it says. */
  readonly says: string;
  /** A part of the steps that mend it. */
  readonly fix: string;
}

const NIC = "0000:01:00.0";

/** Set-ups that are trees of files: see `trees.ts`. */
export const treeCases = {
  good: { setup: "nothing is wrong", words: [NIC], first: null, says: "", fix: "" },
  noDmar: {
    setup: "VT-d is off in the firmware",
    words: [NIC],
    first: "firmware-tables",
    says: "the firmware describes no IOMMU: there is no DMAR, so VT-d is off or missing",
    fix: "enable VT-d",
  },
  noIvrs: {
    setup: "AMD-Vi is off in the firmware",
    words: [],
    first: "firmware-tables",
    says: "there is no IVRS, so AMD-Vi is off or missing",
    fix: "enable IOMMU (AMD-Vi)",
  },
  notTold: {
    setup: "`intel_iommu=on` is missing, on a kernel that needs it",
    words: [NIC],
    first: "command-line",
    says: "intel_iommu=on is missing",
    fix: 's/^GRUB_CMDLINE_LINUX="/&intel_iommu=on /',
  },
  amdOff: {
    setup: "`amd_iommu=off`, on a system with grubby",
    words: [],
    first: "command-line",
    says: "amd_iommu=off turns the IOMMU off",
    fix: "sudo grubby --update-kernel=ALL --remove-args=amd_iommu=off",
  },
  allOff: {
    setup: "`iommu=off`, and `intel_iommu=on` behind it",
    words: [],
    first: "command-line",
    says: "iommu=off turns the IOMMU off",
    fix: "iommu=off",
  },
  noIommuDriver: {
    setup: "a kernel without the IOMMU's driver",
    words: [NIC],
    first: "kernel-iommu",
    says: "this kernel was built without VT-d",
    fix: "CONFIG_INTEL_IOMMU=y",
  },
  iommuFailed: {
    setup: "the kernel could not start the IOMMU",
    words: [NIC],
    first: "iommu",
    says: "no IOMMU is at work",
    fix: "sudo dmesg | grep",
  },
  hiddenFirmware: {
    setup: "no IOMMU, in a container that hides the firmware's tables",
    words: [],
    first: "iommu",
    says: "no IOMMU is at work",
    fix: "sudo dmesg | grep",
  },
  xen: {
    setup: "the kernel runs on Xen",
    words: [NIC],
    first: "firmware-tables",
    says: "Xen runs this kernel",
    fix: "boot without Xen",
  },
  noVfio: {
    setup: "a kernel without VFIO",
    words: [NIC],
    first: "kernel-vfio",
    says: "this kernel was built without VFIO",
    fix: "CONFIG_VFIO=m CONFIG_VFIO_PCI=m",
  },
  blacklisted: {
    setup: "`module_blacklist=vfio_pci`",
    words: [NIC],
    first: "modules",
    says: "module_blacklist=nouveau,vfio_pci keeps vfio-pci out",
    fix: "module_blacklist=nouveau,vfio_pci",
  },
  partBlacklisted: {
    setup: "`module_blacklist=vfio`, of which vfio-pci is made",
    words: [NIC],
    first: "modules",
    says: "module_blacklist=vfio keeps vfio out, which vfio-pci needs",
    fix: "module_blacklist=vfio",
  },
  partForbidden: {
    setup: "a file of modprobe.d, with tabs in it, forbids the driver of the IOMMU",
    words: [NIC],
    first: "modules",
    says: "/usr/lib/modprobe.d/no-dma.conf keeps vfio_iommu_type1 out, which vfio-pci needs",
    fix: "vfio[-_]iommu[-_]type1",
  },
  diskInUse: {
    setup: "the function is the disk that the machine runs from",
    words: ["0000:02:00.0"],
    first: "driver",
    says: "nvme has it, and this machine needs it: / (ext4) is mounted from nvme0n1",
    fix: "userpci bind 0000:02:00.0 --plan",
  },
  routeInUse: {
    setup: "the machine's default route leads through the network card",
    words: [NIC],
    first: "driver",
    says: "e1000e has it, and this machine needs it: the default route leads through eth0",
    fix: "sudo ip route del default dev eth0",
  },
  grubOfArch: {
    setup: "`intel_iommu=on` is missing, on a system without update-grub",
    words: [NIC],
    first: "command-line",
    says: "intel_iommu=on is missing",
    fix: "sudo grub-mkconfig -o /boot/grub/grub.cfg",
  },
  updated: {
    setup: "the kernel was updated, and not booted since",
    words: [NIC],
    first: "modules",
    says: "it was updated since the boot",
    fix: "sudo reboot",
  },
  noPackage: {
    setup: "a kernel whose package of modules is not installed",
    words: [],
    first: "modules",
    says: "the module vfio-pci is not installed",
    fix: "sudo apt install linux-modules-extra-6.8.0-50-generic",
  },
  noDevVfio: {
    setup: "a container without `/dev/vfio`",
    words: [NIC],
    first: "vfio-nodes",
    says: "this container has no /dev/vfio",
    fix: "docker run --device /dev/vfio/vfio",
  },
  noGroupNode: {
    setup: "a container with `/dev/vfio/vfio`, and without the group's node",
    words: [NIC],
    first: "node",
    says: "/dev/vfio/6 is not there, though vfio-pci has the function",
    fix: "--device /dev/vfio/vfio --device /dev/vfio/6",
  },
  closedContainer: {
    setup: "`/dev/vfio/vfio` is root's alone",
    words: [NIC],
    first: "vfio-nodes",
    says: "alice may not open /dev/vfio/vfio",
    fix: "sudo chmod 0666 /dev/vfio/vfio",
  },
  deadLink: {
    setup: "the link of the device is down",
    words: [NIC],
    first: "answers",
    says: "it does not answer",
    fix: "sudo tee /sys/bus/pci/devices/0000:01:00.0/remove",
  },
  withFunctions: {
    setup: "a card whose driver has virtual functions enabled",
    words: [NIC],
    first: "kind",
    says: "it has 1 virtual functions enabled",
    fix: "sudo userpci vf destroy 0000:01:00.0",
  },
  unguarded: {
    setup: "one function that is behind no IOMMU",
    words: [NIC],
    first: "group",
    says: "it is behind no IOMMU",
    fix: "another slot",
  },
  noSysfs: {
    setup: "`/sys` is not mounted",
    words: [],
    first: "sysfs",
    says: "/sys is not mounted",
    fix: "sudo mount -t sysfs sys /sys",
  },
  oldKernel: {
    setup: "a kernel from before VFIO",
    words: [],
    first: "kernel-version",
    says: "Linux 3.2.0-4-amd64 has no VFIO",
    fix: "install a kernel",
  },
  soundCard: {
    setup: "the sound function of a graphics card is on a driver of the kernel",
    words: [NIC],
    first: "viable",
    says: "group 6 is not viable: 0000:01:00.1 (snd_hda_intel) has a driver of the kernel",
    fix: "sudo userpci bind 0000:01:00.1",
  },
} as const satisfies Readonly<Record<string, DoctorCase>>;

const EDU = "0000:00:04.0";

/** Set-ups of a real kernel in the virtual machine, by the machine: see `tests/vm/doctor.test.ts`. */
export const bootCases = {
  goodRoot: { setup: "nothing is wrong, as root", words: [EDU], first: null, says: "", fix: "" },
  goodUser: {
    setup: "nothing is wrong, as an ordinary user who was given the node",
    words: [EDU, "--need", "8M"],
    first: null,
    says: "",
    fix: "",
  },
  goodMachine: { setup: "nothing is wrong with the machine", words: [], first: null, says: "", fix: "" },
  rootOnly: {
    setup: "the node is root's alone, and an ordinary user asks",
    words: [EDU],
    first: "permission",
    says: "nobody (uid 65534) may not open /dev/vfio/",
    fix: "sudo userpci bind 0000:00:04.0 --user nobody",
  },
  memlock: {
    setup: "the limit of pinned memory is 64 KiB",
    words: [EDU],
    first: "memlock",
    says: "64 KiB may be pinned, and any driver needs more",
    fix: "LimitMEMLOCK=",
  },
  need: {
    setup: "the limit of pinned memory is 8 MiB, and the driver pins 64 MiB",
    words: [EDU, "--need", "64M"],
    first: "memlock",
    says: "8 MiB may be pinned, and 64 MiB are needed",
    fix: "nobody - memlock 65536",
  },
  held: {
    setup: "another program has the group open",
    words: [EDU],
    first: "holders",
    says: "open in pid ",
    fix: "end pid ",
  },
  container: {
    setup: "a container that was given no `/dev/vfio`",
    words: [EDU],
    first: "vfio-nodes",
    says: "this container has no /dev/vfio",
    fix: "docker run --device /dev/vfio/vfio",
  },
  otherDriver: {
    setup: "a driver of the kernel has the function",
    words: ["0000:03:02.0"],
    first: "driver",
    says: "e1000 has it: user space needs vfio-pci",
    fix: "sudo userpci bind 0000:03:02.0",
  },
  notViable: {
    setup: "a neighbour behind the same conventional bridge is on a driver of the kernel",
    words: ["0000:03:01.0"],
    first: "viable",
    says: "is not viable: 0000:03:02.0 (e1000) has a driver of the kernel",
    fix: "sudo userpci bind 0000:03:02.0",
  },
  noDriver: {
    setup: "no driver has the function",
    words: [EDU],
    first: "driver",
    says: "no driver has it",
    fix: "sudo userpci bind 0000:00:04.0",
  },
  bridge: {
    setup: "the function is a bridge",
    words: ["0000:00:10.0"],
    first: "kind",
    says: "it is a bridge (header type 1)",
    fix: "leave bridges where they are",
  },
  absent: {
    setup: "there is no such function",
    words: ["0000:00:1e.0"],
    first: "function",
    says: "there is no PCI function 0000:00:1e.0",
    fix: "/sys/bus/pci/rescan",
  },
  noIommu: {
    setup: "a virtual machine without an IOMMU",
    words: [EDU],
    first: "firmware-tables",
    says: "this virtual machine has no IOMMU",
    fix: "-device intel-iommu,intremap=on",
  },
  iommuOff: {
    setup: "`intel_iommu=off`",
    words: [EDU],
    first: "command-line",
    says: "intel_iommu=off turns the IOMMU off",
    fix: "intel_iommu=off",
  },
  noRemapping: {
    setup: "an IOMMU that does not remap interrupts",
    words: [EDU],
    first: "interrupt-remapping",
    says: "VFIO opens no device",
    fix: "-device intel-iommu,intremap=on",
  },
  remappingOff: {
    setup: "`intremap=off`",
    words: [],
    first: "interrupt-remapping",
    says: "intremap=off turns it off",
    fix: "intremap=off",
  },
  noIommuMode: {
    setup: "no-IOMMU mode, with a function bound in it",
    words: [EDU],
    first: "no-iommu-mode",
    says: "on for 0000:00:04.0: DMA of a device is not contained",
    fix: "sudo userpci unbind 0000:00:04.0",
  },
  forbidden: {
    setup: "a file of modprobe.d forbids vfio-pci",
    words: [EDU],
    first: "modules",
    says: "/etc/modprobe.d/no-vfio.conf keeps vfio-pci out",
    fix: "/etc/modprobe.d/no-vfio.conf",
  },
  noModule: {
    setup: "the module vfio-pci is not installed",
    words: [EDU],
    first: "modules",
    says: "the module vfio-pci is not installed",
    fix: "sudo modprobe vfio-pci",
  },
  modulesDisabled: {
    setup: "vfio-pci is not loaded, and `kernel.modules_disabled` is 1",
    words: [EDU],
    first: "modules",
    says: "modules cannot be loaded until the next boot",
    fix: "/etc/modules-load.d/vfio-pci.conf",
  },
} as const satisfies Readonly<Record<string, DoctorCase>>;
