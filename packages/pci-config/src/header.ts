import { address, bits, flag, register, value } from "./table.ts";

/** Bytes of the header that every function has. */
export const HEADER_SIZE = 64;

/** Bits of Status (section 7.5.1.1.4) and, but for three, of a bridge's Secondary Status (7.5.1.3.7). */
const errorStatus = {
  fastBackToBackCapable: flag(7, "RO", "Fast back-to-back capable"),
  masterDataParityError: flag(8, "RW1C", "Master data parity error"),
  deviceSelectTiming: bits(10, 9, "RO", "DEVSEL timing", ["fast", "medium", "slow"]),
  signaledTargetAbort: flag(11, "RW1C", "Signaled target abort"),
  receivedTargetAbort: flag(12, "RW1C", "Received target abort"),
  receivedMasterAbort: flag(13, "RW1C", "Received master abort"),
} as const;

/** Registers of every header type (section 7.5.1.1). */
export const commonHeader = {
  vendorId: value(0x00, 16, "7.5.1.1.1", "Vendor ID", "HwInit"),
  deviceId: value(0x02, 16, "7.5.1.1.2", "Device ID", "HwInit"),
  command: register(0x04, 16, "7.5.1.1.3", "Command", {
    io: flag(0, "RW", "I/O space decode"),
    memory: flag(1, "RW", "Memory space decode"),
    busMaster: flag(2, "RW", "Bus master: the function may do DMA and send MSIs"),
    specialCycles: flag(3, "RW", "Special cycle monitoring (conventional PCI)"),
    memoryWriteInvalidate: flag(4, "RW", "Memory write and invalidate (conventional PCI)"),
    vgaPaletteSnoop: flag(5, "RW", "VGA palette snoop (conventional PCI)"),
    parityErrorResponse: flag(6, "RW", "Parity error response"),
    addressStepping: flag(7, "RW", "IDSEL stepping (conventional PCI)"),
    systemError: flag(8, "RW", "SERR# enable"),
    fastBackToBack: flag(9, "RW", "Fast back-to-back enable (conventional PCI)"),
    interruptDisable: flag(10, "RW", "INTx disable"),
  }),
  status: register(
    0x06,
    16,
    "7.5.1.1.4",
    "Status",
    {
      immediateReadiness: flag(0, "RO", "Immediate readiness"),
      interruptStatus: flag(3, "RO", "INTx pending"),
      capabilitiesList: flag(4, "RO", "Has a capability list"),
      capable66MHz: flag(5, "RO", "66 MHz capable (conventional PCI)"),
      userDefinable: flag(6, "RO", "User definable features (PCI 2.1)"),
      ...errorStatus,
      signaledSystemError: flag(14, "RW1C", "Signaled system error"),
      detectedParityError: flag(15, "RW1C", "Detected parity error"),
    },
    { reserved: "RsvdZ" },
  ),
  revisionId: value(0x08, 8, "7.5.1.1.5", "Revision ID", "HwInit"),
  programmingInterface: value(0x09, 8, "7.5.1.1.6", "Programming interface of the class code", "RO"),
  subClass: value(0x0a, 8, "7.5.1.1.6", "Sub-class of the class code", "RO"),
  baseClass: value(0x0b, 8, "7.5.1.1.6", "Base class of the class code", "RO"),
  cacheLineSize: value(0x0c, 8, "7.5.1.1.7", "Cache line size, in dwords", "RW"),
  latencyTimer: value(0x0d, 8, "7.5.1.1.8", "Latency timer, in PCI clocks", "RW"),
  headerType: register(0x0e, 8, "7.5.1.1.9", "Header type", {
    layout: bits(6, 0, "RO", "Header layout", ["endpoint", "bridge", "CardBus bridge"]),
    multiFunction: flag(7, "RO", "Multi-function device"),
  }),
  bist: register(0x0f, 8, "7.5.1.1.10", "BIST", {
    completionCode: bits(3, 0, "RO", "Completion code, 0 for passed"),
    start: flag(6, "RW", "Start the self-test; reads 1 until it is done"),
    capable: flag(7, "HwInit", "Has a self-test"),
  }),
  interruptLine: value(0x3c, 8, "7.5.1.1.12", "Interrupt line", "RW"),
  interruptPin: value(0x3d, 8, "7.5.1.1.13", "Interrupt pin: 1 for INTA to 4 for INTD, 0 for none", "RO"),
} as const;

const barSection = "7.5.1.2.1";

const romFields = {
  enable: flag(0, "RW", "Expansion ROM decode"),
  validation: bits(3, 1, "ROS", "Validation status", [
    "unsupported",
    "in progress",
    "valid, trust not tested",
    "valid and trusted",
    "invalid",
    "valid, not trusted",
    "valid with a warning, trust not tested",
    "valid and trusted with a warning",
  ]),
  validationDetails: bits(7, 4, "ROS", "Validation details, the vendor's own"),
  address: address(31, 11, "RW", "Expansion ROM address"),
} as const;

/** Registers of a type 0 header, an endpoint's (section 7.5.1.2), beside the common ones. */
export const type0Header = {
  bar0: value(0x10, 32, barSection, "BAR 0", "RW"),
  bar1: value(0x14, 32, barSection, "BAR 1", "RW"),
  bar2: value(0x18, 32, barSection, "BAR 2", "RW"),
  bar3: value(0x1c, 32, barSection, "BAR 3", "RW"),
  bar4: value(0x20, 32, barSection, "BAR 4", "RW"),
  bar5: value(0x24, 32, barSection, "BAR 5", "RW"),
  cardbusCis: value(0x28, 32, "7.5.1.2.2", "CardBus CIS pointer", "RO"),
  subsystemVendorId: value(0x2c, 16, "7.5.1.2.3", "Subsystem vendor ID", "HwInit"),
  subsystemId: value(0x2e, 16, "7.5.1.2.3", "Subsystem ID", "HwInit"),
  rom: register(0x30, 32, "7.5.1.2.4", "Expansion ROM base address", romFields),
  capabilitiesPointer: value(0x34, 8, "7.5.1.1.11", "Capabilities pointer", "RO"),
  minimumGrant: value(0x3e, 8, "7.5.1.2.5", "Min_Gnt, in 250 ns (conventional PCI)", "RO"),
  maximumLatency: value(0x3f, 8, "7.5.1.2.5", "Max_Lat, in 250 ns (conventional PCI)", "RO"),
} as const;

/** I/O window registers: bits 7:4 are address bits 15:12, bits 3:0 tell the width (section 7.5.1.3.6). */
const ioWindow = {
  width: bits(3, 0, "RO", "Addressing", ["16-bit", "32-bit"]),
  address: address(7, 4, "RW", "Address bits 15:12, in place of bits 7:4"),
} as const;

const memoryWindow = {
  address: address(15, 4, "RW", "Address bits 31:20, in place of bits 15:4"),
} as const;

const prefetchWindow = {
  width: bits(3, 0, "RO", "Addressing", ["32-bit", "64-bit"]),
  address: address(15, 4, "RW", "Address bits 31:20, in place of bits 15:4"),
} as const;

/** Registers of a type 1 header, a bridge's (section 7.5.1.3), beside the common ones. */
export const type1Header = {
  bar0: value(0x10, 32, "7.5.1.3.1", "BAR 0", "RW"),
  bar1: value(0x14, 32, "7.5.1.3.1", "BAR 1", "RW"),
  primaryBus: value(0x18, 8, "7.5.1.3.2", "Primary bus number", "RW"),
  secondaryBus: value(0x19, 8, "7.5.1.3.3", "Secondary bus number", "RW"),
  subordinateBus: value(0x1a, 8, "7.5.1.3.4", "Subordinate bus number", "RW"),
  secondaryLatencyTimer: value(0x1b, 8, "7.5.1.3.5", "Secondary latency timer", "RW"),
  ioBase: register(0x1c, 8, "7.5.1.3.6", "I/O base", ioWindow),
  ioLimit: register(0x1d, 8, "7.5.1.3.6", "I/O limit", ioWindow),
  secondaryStatus: register(
    0x1e,
    16,
    "7.5.1.3.7",
    "Secondary status",
    {
      capable66MHz: flag(5, "RO", "66 MHz capable (conventional PCI)"),
      ...errorStatus,
      receivedSystemError: flag(14, "RW1C", "Received system error"),
      detectedParityError: flag(15, "RW1C", "Detected parity error"),
    },
    { reserved: "RsvdZ" },
  ),
  memoryBase: register(0x20, 16, "7.5.1.3.8", "Memory base", memoryWindow),
  memoryLimit: register(0x22, 16, "7.5.1.3.8", "Memory limit", memoryWindow),
  prefetchBase: register(0x24, 16, "7.5.1.3.9", "Prefetchable memory base", prefetchWindow),
  prefetchLimit: register(0x26, 16, "7.5.1.3.9", "Prefetchable memory limit", prefetchWindow),
  prefetchBaseHi: value(0x28, 32, "7.5.1.3.10", "Prefetchable base, upper 32 bits", "RW"),
  prefetchLimitHi: value(0x2c, 32, "7.5.1.3.10", "Prefetchable limit, upper 32 bits", "RW"),
  ioBaseHi: value(0x30, 16, "7.5.1.3.11", "I/O base, upper 16 bits", "RW"),
  ioLimitHi: value(0x32, 16, "7.5.1.3.11", "I/O limit, upper 16 bits", "RW"),
  capabilitiesPointer: value(0x34, 8, "7.5.1.1.11", "Capabilities pointer", "RO"),
  rom: register(0x38, 32, "7.5.1.3.12", "Expansion ROM base address", romFields),
  bridgeControl: register(0x3e, 16, "7.5.1.3.13", "Bridge control", {
    parityErrorResponse: flag(0, "RW", "Parity error response"),
    systemError: flag(1, "RW", "SERR# enable"),
    isa: flag(2, "RW", "ISA enable: block the upper 768 bytes of each 1 KiB of I/O"),
    vga: flag(3, "RW", "VGA enable: forward VGA accesses"),
    vga16: flag(4, "RW", "VGA 16-bit decode"),
    masterAbortMode: flag(5, "RW", "Master abort mode (conventional PCI)"),
    secondaryBusReset: flag(6, "RW", "Reset the secondary bus"),
    fastBackToBack: flag(7, "RW", "Fast back-to-back enable (conventional PCI)"),
    primaryDiscardTimer: flag(8, "RW", "Primary discard timer (conventional PCI)"),
    secondaryDiscardTimer: flag(9, "RW", "Secondary discard timer (conventional PCI)"),
    discardTimerStatus: flag(10, "RW1C", "Discard timer status (conventional PCI)"),
    discardTimerSystemError: flag(11, "RW", "Discard timer SERR# enable (conventional PCI)"),
  }),
} as const;
