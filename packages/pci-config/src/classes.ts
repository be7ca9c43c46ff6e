/** Names of a base class and of its sub-classes by their number. */
export type ClassRow = readonly [name: string, subClasses: Readonly<Record<number, string>>];

/** Class codes of the PCI Code and ID Assignment Specification 1.15, chapter 1, by base class. */
export const classTable: Readonly<Record<number, ClassRow>> = {
  0: ["unclassified device", { 0: "device before class codes", 1: "VGA-compatible device" }],
  1: [
    "mass storage controller",
    {
      0: "SCSI controller",
      1: "IDE controller",
      2: "floppy controller",
      3: "IPI controller",
      4: "RAID controller",
      5: "ATA controller",
      6: "SATA controller",
      7: "SAS controller",
      8: "non-volatile memory controller",
      9: "universal flash storage controller",
    },
  ],
  2: [
    "network controller",
    {
      0: "Ethernet controller",
      1: "Token Ring controller",
      2: "FDDI controller",
      3: "ATM controller",
      4: "ISDN controller",
      5: "WorldFip controller",
      6: "PICMG controller",
      7: "InfiniBand controller",
      8: "fabric controller",
    },
  ],
  3: ["display controller", { 0: "VGA controller", 1: "XGA controller", 2: "3D controller" }],
  4: [
    "multimedia device",
    {
      0: "video device",
      1: "audio device",
      2: "telephony device",
      3: "High Definition Audio device",
    },
  ],
  5: ["memory controller", { 0: "RAM", 1: "flash memory", 2: "CXL memory device" }],
  6: [
    "bridge",
    {
      0: "host bridge",
      1: "ISA bridge",
      2: "EISA bridge",
      3: "MicroChannel bridge",
      4: "PCI bridge",
      5: "PCMCIA bridge",
      6: "NuBus bridge",
      7: "CardBus bridge",
      8: "RACEway bridge",
      9: "semi-transparent PCI bridge",
      10: "InfiniBand to PCI host bridge",
      11: "Advanced Switching bridge",
    },
  ],
  7: [
    "communication controller",
    {
      0: "serial controller",
      1: "parallel port",
      2: "multiport serial controller",
      3: "modem",
      4: "GPIB controller",
      5: "smart card controller",
    },
  ],
  8: [
    "system peripheral",
    {
      0: "interrupt controller",
      1: "DMA controller",
      2: "timer",
      3: "real-time clock",
      4: "PCI hot-plug controller",
      5: "SD host controller",
      6: "IOMMU",
      7: "root complex event collector",
    },
  ],
  9: ["input device", { 0: "keyboard", 1: "digitizer", 2: "mouse", 3: "scanner", 4: "gameport" }],
  10: ["docking station", { 0: "generic docking station" }],
  11: [
    "processor",
    {
      0: "386",
      1: "486",
      2: "Pentium",
      16: "Alpha",
      32: "PowerPC",
      48: "MIPS",
      64: "co-processor",
    },
  ],
  12: [
    "serial bus controller",
    {
      0: "FireWire controller",
      1: "ACCESS bus controller",
      2: "SSA controller",
      3: "USB controller",
      4: "Fibre Channel controller",
      5: "SMBus controller",
      6: "InfiniBand controller",
      7: "IPMI interface",
      8: "SERCOS interface",
      9: "CAN bus controller",
      10: "I3C host controller",
    },
  ],
  13: [
    "wireless controller",
    {
      0: "IrDA controller",
      1: "consumer infrared controller",
      16: "radio controller",
      17: "Bluetooth controller",
      18: "broadband controller",
      32: "802.11a controller",
      33: "802.11b controller",
      64: "cellular modem",
      65: "cellular modem with Ethernet",
    },
  ],
  14: ["intelligent I/O controller", { 0: "I2O controller" }],
  15: [
    "satellite communication controller",
    { 1: "satellite TV", 2: "satellite audio", 3: "satellite voice", 4: "satellite data" },
  ],
  16: [
    "encryption controller",
    { 0: "network encryption controller", 16: "entertainment encryption controller" },
  ],
  17: [
    "signal processing controller",
    {
      0: "DPIO module",
      1: "performance counters",
      16: "communication synchronizer",
      32: "signal processing management",
    },
  ],
  18: ["processing accelerator", {}],
  19: ["non-essential instrumentation", {}],
  64: ["co-processor", {}],
  255: ["device of no class", {}],
};

/**
 * The name of a class: of its sub-class where that is known, else of its base class.
 *
 * @param classCode 24 bits, as `ConfigSpace.classCode`
 */
export function className(classCode: number): string {
  const row = classTable[(classCode >>> 16) & 0xff];
  if (!row) return "unknown class";
  const [name, subClasses] = row;
  return subClasses[(classCode >>> 8) & 0xff] ?? name;
}
