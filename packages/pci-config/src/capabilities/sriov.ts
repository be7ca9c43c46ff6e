import { capability } from "../capability.ts";
import { address, bits, flag, register, value } from "../table.ts";

const bar = (index: number) => value(0x24 + 4 * index, 32, "9.3.3.14", `VF BAR ${index}`, "RW");

/** Single root I/O virtualization (section 9.3.3): a physical function and its virtual ones. */
export const sriov = capability({
  id: 0x0010,
  title: "Single Root I/O Virtualization",
  length: 0x40,
  registers: {
    capabilities: register(0x04, 32, "9.3.3.2", "SR-IOV Capabilities", {
      migration: flag(0, "RO", "VF migration"),
      ariPreserved: flag(1, "RO", "Keeps the hierarchy's ARI setting over resets"),
      tag10Requester: flag(2, "HwInit", "VFs can send 10-bit tags"),
      tag14Requester: flag(3, "HwInit", "VFs can send 14-bit tags (PCI Express 6.0)"),
      migrationMessage: bits(31, 21, "RO", "Vector of the migration interrupt"),
    }),
    control: register(0x08, 16, "9.3.3.3", "SR-IOV Control", {
      enable: flag(0, "RW", "VFs enable"),
      migration: flag(1, "RW", "VF migration enable"),
      migrationInterrupt: flag(2, "RW", "VF migration interrupt enable"),
      memorySpace: flag(3, "RW", "VFs answer memory requests"),
      ariHierarchy: flag(4, "RW", "VFs may have function numbers above 7"),
      tag10Requester: flag(5, "RW", "VFs send 10-bit tags"),
      tag14Requester: flag(6, "RW", "VFs send 14-bit tags (PCI Express 6.0)"),
    }),
    status: register(
      0x0a,
      16,
      "9.3.3.4",
      "SR-IOV Status",
      { migration: flag(0, "RW1C", "A VF is to migrate in or out") },
      { reserved: "RsvdZ" },
    ),
    initialVfs: value(0x0c, 16, "9.3.3.5", "InitialVFs", "HwInit"),
    totalVfs: value(0x0e, 16, "9.3.3.6", "TotalVFs", "HwInit"),
    numVfs: value(0x10, 16, "9.3.3.7", "NumVFs", "RW"),
    dependencyLink: value(0x12, 8, "9.3.3.8", "Function Dependency Link", "HwInit"),
    firstVfOffset: value(0x14, 16, "9.3.3.9", "First VF Offset", "RO"),
    vfStride: value(0x16, 16, "9.3.3.10", "VF Stride", "RO"),
    vfDeviceId: value(0x1a, 16, "9.3.3.11", "VF Device ID", "RO"),
    supportedPageSizes: value(0x1c, 32, "9.3.3.12", "Supported Page Sizes: bit 0 is 4 KiB", "RO"),
    systemPageSize: value(0x20, 32, "9.3.3.13", "System Page Size, one bit as above", "RW"),
    bar0: bar(0),
    bar1: bar(1),
    bar2: bar(2),
    bar3: bar(3),
    bar4: bar(4),
    bar5: bar(5),
    migrationStates: register(0x3c, 32, "9.3.3.15", "VF Migration State Array Offset", {
      bar: bits(2, 0, "RO", "BAR of the function that the array is in"),
      offset: address(31, 3, "RO", "Its place there"),
    }),
  },
});
