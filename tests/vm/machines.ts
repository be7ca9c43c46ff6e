import type { BootOptions } from "@userpci/testbed";

/** PCI addresses of the devices in the `main` machine. */
export const at = {
  /** edu with its default DMA mask of 28 bits. */
  edu: "0000:00:04.0",
  /** edu that drives all 64 bits. */
  wideEdu: "0000:00:05.0",
  /** NVMe behind a root port whose bus can be reset: MSI-X in BAR 0, function level reset. */
  nvme: "0000:01:00.0",
  /** e1000e behind a root port: I/O port BAR, MSI-X in a BAR of its own, expansion ROM. */
  e1000e: "0000:02:00.0",
  /** Two functions behind a conventional bridge, and so in one IOMMU group. */
  pairedEdu: "0000:03:01.0",
  pairedE1000: "0000:03:02.0",
  /** A USB controller with 16 MSI vectors. */
  usb: "0000:00:11.0",
} as const;

/** PCI addresses of the devices in the `functions` machines. */
export const functionsAt = {
  /** 82576 on a kernel without its driver. */
  igb: "0000:01:00.0",
  /** First virtual function of the second 82576, which its kernel driver owns. */
  igbVf: "0000:02:10.0",
  /** Modern virtio on the root bus: PCI Express without a link. */
  virtio: "0000:00:13.0",
} as const;

/** The physical function in the `functions` machine that has virtual ones. */
export const physicalFunction = "0000:02:00.0";

/** Slots of the `unplug` machine, empty at boot: the identifier of each port. The first is on bus 1, and so on. */
const slots = ["idle", "polling", "waiting", "dma", "silent", "ignored", "timeout", "link"] as const;

/** One of the slots of the `unplug` machine. */
export type Slot = (typeof slots)[number];

const FIRST_PORT = 0x0f;
const hex = (value: number): string => value.toString(16).padStart(2, "0");

/** Where a device in a slot is. */
export const addressIn = (slot: Slot): string => `0000:${hex(slots.indexOf(slot) + 1)}:00.0`;

/** The port that a slot belongs to. */
export const portOf = (slot: Slot): string => `0000:00:${hex(FIRST_PORT + slots.indexOf(slot))}.0`;

/** What the `unplug` machine gets in each slot, for QMP's `device_add`. */
export const inSlots: readonly ({ readonly id: string } & Readonly<Record<string, unknown>>)[] = slots.map(
  (slot) =>
    slot === "dma"
      ? { id: `in-${slot}`, bus: slot, driver: "edu" }
      : { id: `in-${slot}`, bus: slot, driver: "virtio-rng-pci", aer: true, "disable-legacy": "on" },
);

/** The port of the `unplug` machine behind the slots, whose device comes and goes and comes again. */
const AGAIN = "again";

/** What comes there, for QMP's `device_add`. */
export const comesAgain = {
  id: `in-${AGAIN}`,
  bus: AGAIN,
  driver: "virtio-rng-pci",
  aer: true,
  "disable-legacy": "on",
} as const;
/** Its port, and where it is then. */
export const againPort = `0000:00:${hex(FIRST_PORT + slots.length)}.0`;
export const againAt = `0000:${hex(slots.length + 1)}:00.0`;

/** Functions of the `unplug` machine on the root bus, whose driver can be taken from them. */
export const unplugAt = {
  unbound: "0000:00:04.0",
  removed: "0000:00:05.0",
} as const;

/** What drivers are at in the `pulled` machine while their devices go. */
export const pulledWorks = ["idle", "polling", "worker", "waiting", "dma"] as const;

/** Ports of the `pulled` machine with a device each from the boot on, twice for each work: the first is on bus 1, and so on. */
const pulledPorts = ["seen", "unseen"].flatMap((how) => pulledWorks.map((work) => `${work}-${how}`));
const FIRST_PULLED_PORT = 0x08;

/** A device in the `pulled` machine, the port that it goes from, and whether the kernel is to see it go. */
export function pulledAt(work: (typeof pulledWorks)[number], how: "seen" | "unseen") {
  const index = pulledPorts.indexOf(`${work}-${how}`);
  return { device: `0000:${hex(index + 1)}:00.0`, port: `0000:00:${hex(FIRST_PULLED_PORT + index)}.0` };
}

/** Memory in the `pulled` machine that can be put where nobody answers any more. */
export const onesAt = "0000:00:06.0";

const inPulled = Object.fromEntries(pulledPorts.map((port, i) => [port, `0000:${hex(i + 1)}:00.0`]));

const inUnplug = { ...unplugAt, ...Object.fromEntries(slots.map((slot) => [slot, addressIn(slot)])) };

/** What is bound to vfio-pci, by machine. */
export const bound: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  main: at,
  iommufd: at,
  functions: functionsAt,
  iommufdFunctions: functionsAt,
  unplug: inUnplug,
  iommufdUnplug: inUnplug,
  pulled: inPulled,
  iommufdPulled: inPulled,
  noRemapping: { edu: at.edu },
  noRemappingIommufd: { edu: at.edu },
};

/** The ordinary user of the tests: "nobody", who owns no file. */
export const USER = 65534;

/** The expansion ROM of the `main` machine's e1000e, which comes with QEMU. */
export const ROM_FILE = "efi-e1000e.rom";

const main: BootOptions = {
  devices: [
    "edu",
    "edu,addr=0x5,dma_mask=0xffffffffffffffff",
    "nvme",
    // The test bed leaves boot ROMs out; this one is here to be read.
    `e1000e,romfile=${ROM_FILE}`,
    "pcie-pci-bridge,id=conventional,addr=0x10",
    "edu,bus=conventional,addr=1",
    "e1000,bus=conventional,addr=2",
    "nec-usb-xhci,addr=0x11",
  ],
  hugepages: 8,
};

const functions: BootOptions = {
  devices: ["igb", "igb", "virtio-rng-pci,addr=0x13,disable-legacy=on"],
};

const unplug: BootOptions = {
  devices: [
    "edu",
    "edu,addr=0x5",
    ...[...slots, AGAIN].map(
      (id, i) => `pcie-root-port,id=${id},chassis=${9 + i},addr=0x${hex(FIRST_PORT + i)}`,
    ),
  ],
};

/** Slots whose events the kernel has to see itself: the chipset's ACPI has no part in them. */
const pulled: BootOptions = {
  qemuArguments: [
    "-global",
    "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
    "-object",
    "memory-backend-ram,id=ones,size=1M",
  ],
  devices: [
    "ivshmem-plain,memdev=ones,addr=0x6",
    ...pulledPorts.flatMap((id, i) => [
      `pcie-root-port,id=${id},chassis=${9 + i},addr=0x${hex(FIRST_PULLED_PORT + i)}`,
      `edu,bus=${id}`,
    ]),
  ],
};

/** The IOMMU translates DMA and passes interrupts on as they come. */
const noRemapping: BootOptions = { devices: ["edu"], iommu: "intel-iommu,intremap=off,caching-mode=on" };

/** Machines by the name that tests ask for. */
export const machines: Readonly<Record<string, BootOptions>> = {
  main,
  /** The same devices on a kernel with IOMMUFD and `/dev/vfio/devices`. */
  iommufd: { ...main, kernel: "iommufd" },
  functions,
  /** The same functions on a kernel with IOMMUFD. */
  iommufdFunctions: { ...functions, kernel: "iommufd" },
  unplug,
  /** The same slots on a kernel with IOMMUFD. */
  iommufdUnplug: { ...unplug, kernel: "iommufd" },
  pulled,
  /** The same slots on a kernel with IOMMUFD. */
  iommufdPulled: { ...pulled, kernel: "iommufd" },
  noRemapping,
  noRemappingIommufd: { ...noRemapping, kernel: "iommufd" },
  /** What the README's session is typed into: nothing is bound. */
  session: { devices: ["edu"] },
  /** No IOMMU at all, so nothing can be bound. */
  noIommu: { devices: ["edu"], iommu: null },
  /** An IOMMU that the kernel is told to leave alone. */
  iommuOff: { devices: ["edu"], append: "intel_iommu=off" },
  /** One that could remap interrupts, if the kernel let it. */
  remappingOff: { devices: ["edu"], append: "intremap=off" },
  /** No IOMMU, and a kernel that binds functions all the same. */
  noIommuMode: {
    devices: ["edu"],
    iommu: null,
    kernel: "iommufd",
    append: "vfio.enable_unsafe_noiommu_mode=1",
  },
};
