import { address, bits, flag, register, value } from "../table.ts";
import { list } from "../view.ts";

const section = (part: string) => `CXL 3.1, 8.1.3.${part}`;
const device = { when: "cxlDevice" } as const;
const device1 = { when: "cxlDevice1" } as const;
const device2 = { when: "cxlDevice2" } as const;

const timeouts = ["10 ms", "100 ms", "1 s", "10 s", "100 s"];

/** Registers of the DVSEC for CXL devices (id 0). Revision 1 has the second control and status, revision 2 the third capability. */
export const cxlDeviceRegisters = {
  deviceCapability: register(
    0x0a,
    16,
    section("1"),
    "DVSEC CXL Capability",
    {
      cache: flag(0, "RO", "CXL.cache"),
      io: flag(1, "RO", "CXL.io"),
      memory: flag(2, "RO", "CXL.mem"),
      memoryHwInit: flag(3, "RO", "Hardware or firmware makes the memory ready"),
      ranges: bits(5, 4, "RO", "Memory ranges"),
      cacheWriteback: flag(6, "RO", "Can write its cache back and invalidate it"),
      reset: flag(7, "RO", "CXL reset"),
      resetTimeout: bits(10, 8, "RO", "Longest CXL reset", timeouts),
      resetMemoryClear: flag(11, "RO", "CXL reset can clear the volatile memory"),
      trustedMemory: flag(12, "RO", "TEE security protocol"),
      multipleLogicalDevices: flag(13, "HwInit", "Multiple logical devices"),
      viral: flag(14, "RO", "Viral handling"),
      pmInitReporting: flag(15, "HwInit", "Reports the end of power management initialization"),
    },
    device,
  ),
  deviceControl: register(
    0x0c,
    16,
    section("2"),
    "DVSEC CXL Control",
    {
      cache: flag(0, "RW", "CXL.cache enable"),
      io: flag(1, "RO", "CXL.io enable"),
      memory: flag(2, "RW", "CXL.mem enable"),
      snoopFilterCoverage: bits(7, 3, "RW", "Host's snoop filter for this device, 2^n bytes; 0 is none"),
      snoopFilterGranularity: bits(10, 8, "RW", "Bytes that an entry of it tracks", [
        "64 bytes",
        "128 bytes",
        "256 bytes",
        "512 bytes",
        "1 KiB",
        "2 KiB",
        "4 KiB",
      ]),
      cleanEviction: flag(11, "RW", "Clean evictions are not needed"),
      peerToPeer: flag(12, "RW", "Direct peer to peer memory enable"),
      viral: flag(14, "RWS", "Viral enable"),
    },
    device,
  ),
  deviceStatus: register(
    0x0e,
    16,
    section("3"),
    "DVSEC CXL Status",
    { viral: flag(14, "RW1CS", "Viral state") },
    { ...device, reserved: "RsvdZ" },
  ),
  deviceControl2: register(
    0x10,
    16,
    section("4"),
    "DVSEC CXL Control2",
    {
      disableCaching: flag(0, "RW", "Cache no more lines"),
      writeBack: flag(1, "RW", "Write the cache back and invalidate it; reads 0"),
      reset: flag(2, "RW", "CXL reset; reads 0"),
      resetMemoryClear: flag(3, "RW", "The reset clears the volatile memory"),
      volatileAfterHotReset: flag(4, "RW", "Hot reset keeps the volatile memory"),
      modifiedCompletion: flag(5, "RW", "Modified completion enable"),
    },
    device1,
  ),
  deviceStatus2: register(
    0x12,
    16,
    section("5"),
    "DVSEC CXL Status2",
    {
      cacheInvalid: flag(0, "RO", "The cache holds nothing"),
      resetComplete: flag(1, "RO", "CXL reset is complete"),
      resetError: flag(2, "RO", "CXL reset failed"),
      volatileLost: flag(3, "RW1CS", "Volatile memory was lost over a hot reset"),
      pmInitComplete: flag(15, "RO", "Power management initialization is complete"),
    },
    { ...device1, reserved: "RsvdZ" },
  ),
  deviceLock: register(
    0x14,
    16,
    section("6"),
    "DVSEC CXL Lock",
    { lock: flag(0, "RW", "Locks the configuration until reset") },
    device,
  ),
  deviceCapability2: register(
    0x16,
    16,
    section("7"),
    "DVSEC CXL Capability2",
    {
      cacheUnit: bits(3, 0, "RO", "Unit of the cache size", ["not reported", "64 KiB", "1 MiB"]),
      fallback: bits(5, 4, "HwInit", "Falls back to", ["nothing, or not said", "PCIe", "CXL 1.1", "another"]),
      modifiedCompletion: flag(6, "HwInit", "Modified completion"),
      noCleanWriteback: flag(7, "HwInit", "Does not write clean lines back"),
      cacheSize: bits(15, 8, "RO", "Cache, in units"),
    },
    device1,
  ),
  deviceCapability3: register(
    0x38,
    16,
    section("9"),
    "DVSEC CXL Capability3",
    {
      volatileAfterColdReset: flag(0, "HwInit", "Volatile memory has a defined state after a cold reset"),
      volatileAfterWarmReset: flag(1, "HwInit", "The same after a warm reset"),
      volatileAfterHotReset: flag(2, "HwInit", "The same after a hot reset"),
      hotResetConfigurable: flag(3, "HwInit", "Software decides what hot reset does with it"),
      peerToPeer: flag(4, "HwInit", "Direct peer to peer memory"),
    },
    device2,
  ),
} as const;

/** A memory range of a CXL device (section 8.1.3.8): 0 is range 1 of the specification. */
export const cxlRange = {
  sizeHigh: value(0x00, 32, section("8.1"), "Range Size High", "RO"),
  sizeLow: register(0x04, 32, section("8.2"), "Range Size Low", {
    valid: flag(0, "RO", "The range is valid"),
    active: flag(1, "RO", "The memory is ready"),
    type: bits(4, 2, "RO", "Media", ["volatile", "non-volatile", "told by the CDAT"]),
    class: bits(7, 5, "RO", "Class", ["memory", "storage", "told by the CDAT"]),
    interleave: bits(12, 8, "RO", "Interleave wanted", [
      "none",
      "256 bytes",
      "4 KiB",
      "512 bytes",
      "1 KiB",
      "2 KiB",
      "8 KiB",
      "16 KiB",
    ]),
    timeout: bits(15, 13, "HwInit", "Longest time until active", ["1 s", "4 s", "16 s", "64 s", "256 s"]),
    degraded: flag(16, "RO", "Active, but with less capacity"),
    size: address(31, 28, "RO", "Size, its lower half"),
  }),
  baseHigh: value(0x08, 32, section("8.3"), "Range Base High", "RW"),
  baseLow: register(0x0c, 32, section("8.4"), "Range Base Low", {
    base: address(31, 28, "RW", "Address, its lower half"),
  }),
} as const;

/** Bytes at which the memory ranges lie. */
export const RANGES = [0x18, 0x28] as const;

/** The memory ranges. */
export const cxlRanges = list(cxlRange, ({ traits }) => (traits.has("cxlDevice") ? RANGES : []));
