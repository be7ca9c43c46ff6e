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

/** PCI addresses of the devices in the `unplug` machine, none of them bound. */
export const unplugAt = {
  /** edu on the root bus, whose driver can be taken from it. */
  edu: "0000:00:04.0",
  /** Virtio in a slot, from which it can be unplugged. */
  slot: "0000:01:00.0",
  /** The port that the slot belongs to. */
  port: "0000:00:10.0",
} as const;

/** What the `unplug` machine has in its slot, for QMP's `device_add`. */
export const inSlot = {
  driver: "virtio-rng-pci",
  id: "unpluggable",
  bus: "bay",
  aer: true,
  "disable-legacy": "on",
} as const;

/** What is bound to vfio-pci, by machine. */
export const bound: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  main: at,
  iommufd: at,
  functions: functionsAt,
  iommufdFunctions: functionsAt,
  noRemapping: { edu: at.edu },
  noRemappingIommufd: { edu: at.edu },
};

/** The ordinary user of the tests: "nobody", who owns no file. */
export const USER = 65534;

const main: BootOptions = {
  devices: [
    "edu",
    "edu,addr=0x5,dma_mask=0xffffffffffffffff",
    "nvme",
    // The test bed leaves boot ROMs out; this one is here to be read.
    "e1000e,romfile=efi-e1000e.rom",
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
  unplug: {
    devices: ["edu", "pcie-root-port,id=bay,chassis=9,addr=0x10"],
  },
  noRemapping,
  noRemappingIommufd: { ...noRemapping, kernel: "iommufd" },
  /** No IOMMU at all, so nothing can be bound. */
  noIommu: { devices: ["edu"], iommu: null },
};
