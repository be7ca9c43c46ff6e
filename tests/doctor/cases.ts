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
