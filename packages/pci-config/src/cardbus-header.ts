import { bits, flag, register, value } from "./table.ts";

const windowSection = "PC Card Standard 8.0, 4.5.2";

/**
 * Registers of a type 2 header, a CardBus bridge's (PC Card Standard, PCI-CardBus bridges), beside the common ones. The last ones lie behind
 * the 64 bytes that every header has.
 */
export const type2Header = {
  bar0: value(0x10, 32, windowSection, "Socket registers", "RW"),
  capabilitiesPointer: value(0x14, 8, windowSection, "Capabilities pointer", "RO"),
  secondaryStatus: register(
    0x16,
    16,
    windowSection,
    "Secondary status",
    {
      capable66MHz: flag(5, "RO", "66 MHz capable"),
      userDefinable: flag(6, "RO", "User definable features"),
      fastBackToBackCapable: flag(7, "RO", "Fast back-to-back capable"),
      masterDataParityError: flag(8, "RW1C", "Master data parity error"),
      deviceSelectTiming: bits(10, 9, "RO", "DEVSEL timing", ["fast", "medium", "slow"]),
      signaledTargetAbort: flag(11, "RW1C", "Signaled target abort"),
      receivedTargetAbort: flag(12, "RW1C", "Received target abort"),
      receivedMasterAbort: flag(13, "RW1C", "Received master abort"),
      receivedSystemError: flag(14, "RW1C", "Received system error"),
      detectedParityError: flag(15, "RW1C", "Detected parity error"),
    },
    { reserved: "RsvdZ" },
  ),
  primaryBus: value(0x18, 8, windowSection, "Primary bus number", "RW"),
  cardbusBus: value(0x19, 8, windowSection, "CardBus bus number", "RW"),
  subordinateBus: value(0x1a, 8, windowSection, "Subordinate bus number", "RW"),
  cardbusLatencyTimer: value(0x1b, 8, windowSection, "CardBus latency timer", "RW"),
  memoryBase0: value(0x1c, 32, windowSection, "Memory base 0", "RW"),
  memoryLimit0: value(0x20, 32, windowSection, "Memory limit 0", "RW"),
  memoryBase1: value(0x24, 32, windowSection, "Memory base 1", "RW"),
  memoryLimit1: value(0x28, 32, windowSection, "Memory limit 1", "RW"),
  ioBase0: value(0x2c, 32, windowSection, "I/O base 0; bit 0 tells 32-bit decoding", "RW"),
  ioLimit0: value(0x30, 32, windowSection, "I/O limit 0", "RW"),
  ioBase1: value(0x34, 32, windowSection, "I/O base 1; bit 0 tells 32-bit decoding", "RW"),
  ioLimit1: value(0x38, 32, windowSection, "I/O limit 1", "RW"),
  bridgeControl: register(0x3e, 16, windowSection, "Bridge control", {
    parityErrorResponse: flag(0, "RW", "Parity error response"),
    systemError: flag(1, "RW", "SERR# enable"),
    isa: flag(2, "RW", "ISA enable"),
    vga: flag(3, "RW", "VGA enable"),
    masterAbortMode: flag(5, "RW", "Master abort mode"),
    cardbusReset: flag(6, "RW", "Reset the card"),
    interrupts16Bit: flag(7, "RW", "Interrupts of 16-bit cards go to the ISA lines"),
    prefetch0: flag(8, "RW", "Memory window 0 is prefetchable"),
    prefetch1: flag(9, "RW", "Memory window 1 is prefetchable"),
    writePosting: flag(10, "RW", "Write posting"),
  }),
  subsystemVendorId: value(0x40, 16, windowSection, "Subsystem vendor ID", "HwInit"),
  subsystemId: value(0x42, 16, windowSection, "Subsystem ID", "HwInit"),
  legacyBase: value(0x44, 32, windowSection, "Base of the 16-bit legacy interface ports", "RW"),
} as const;
