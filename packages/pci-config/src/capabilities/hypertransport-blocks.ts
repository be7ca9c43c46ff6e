import { address, bits, flag, register, value } from "../table.ts";
import { list } from "../view.ts";

/** Types of the blocks but for links', whose number has five bits (HyperTransport 3.10, 7.4). */
export const blockTypes = {
  switch: 8,
  interruptDiscovery: 16,
  revisionBlock: 17,
  unitIdClumping: 18,
  extendedConfiguration: 19,
  addressMapping: 20,
  msiMapping: 21,
  directRoute: 22,
  vcSet: 23,
  retryMode: 24,
  x86Encoding: 25,
  gen3: 26,
  functionExtension: 27,
  powerManagement: 28,
  highNodeCount: 29,
} as const;

/** Name of a block's type. */
export type BlockType = keyof typeof blockTypes;

const words = Array.from({ length: 32 }, (_, code): string | undefined => {
  const found = Object.entries(blockTypes).find(([, number]) => number === code);
  return found?.[0].replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
});
const type = bits(15, 11, "RO", "Capability type", words);

/** What the register that tells the type of a block adds to its row. */
const of = <const T extends BlockType>(name: T) => ({ when: name, makes: blockTypes[name] << 11 }) as const;
const within = <const T extends string>(name: T) => ({ when: name }) as const;
/** The switch has the section that lists the types, 7.4: its own was not found. */
const at = (number: number) => `HyperTransport 3.10, 7.${number}`;

/** Bits of a window that is forwarded: of either bus, and of direct memory accesses. */
const window = {
  base: bits(19, 0, "RW", "Address bits 39:20"),
  compatible: flag(28, "RW", "Compatibility bit of what is forwarded"),
  nonCoherent: flag(29, "RW", "Forwarded as not coherent"),
  isochronous: flag(30, "RW", "Forwarded as isochronous"),
  enable: flag(31, "RW", "Window enabled"),
} as const;

const retryControl = {
  enable: flag(0, "RW", "Link retry enable"),
  forceError: flag(1, "RW", "Force a single error"),
  rolloverNonFatal: flag(2, "RW", "Rollover non-fatal enable"),
  forceStomp: flag(3, "RW", "Force a single stomp"),
  retryNonFatal: flag(4, "RW", "Retry non-fatal enable"),
  retryFatal: flag(5, "RW", "Retry fatal enable"),
  attempts: bits(7, 6, "RW", "Allowed attempts"),
} as const;

const retryStatus = {
  sent: flag(0, "RW1CS", "Retry sent"),
  rollover: flag(1, "RW1CS", "Count rolled over"),
  stomped: flag(2, "RW1CS", "Stomp received"),
} as const;

/** A window of direct memory accesses, of 40-bit address mapping. */
export const dmaWindow = {
  primaryBase: register(0x00, 32, at(7), "DMA Window Primary Base and Control", window),
  secondaryLimit: value(0x04, 16, at(7), "DMA Window Secondary Limit", "RW"),
  secondaryBase: value(0x06, 16, at(7), "DMA Window Secondary Base", "RW"),
} as const;

const FIRST_WINDOW = 12;
const WINDOW = 8;

/** Lists of blocks: windows of 40-bit address mapping. */
export const blockLists = {
  dmaWindows: list(dmaWindow, function* ({ length, traits }) {
    if (!traits.has("shortMapping")) return;
    for (let start = FIRST_WINDOW; start < length; start += WINDOW) yield start;
  }),
} as const;

/** Registers of blocks other than links'. Of the types without a row here only the command is known. */
export const blockRegisters = {
  switchCommand: register(
    0x02,
    16,
    at(4),
    "Switch Command",
    {
      virtualBusError: flag(7, "RW1CS", "Error of the virtual internal bus"),
      virtualBusFlood: flag(8, "RW", "Flood on such an error"),
      virtualBusFatal: flag(9, "RW", "Such an error is fatal"),
      virtualBusNonFatal: flag(10, "RW", "Such an error is non-fatal"),
      type,
    },
    of("switch"),
  ),
  partitionMask: value(0x04, 32, at(4), "Partition Mask", "RW", within("switch")),
  switchInfo: register(
    0x08,
    32,
    at(4),
    "Switch Info",
    {
      defaultPort: bits(4, 0, "RW", "Default port"),
      decode: flag(5, "RW", "Decoding enabled"),
      coldReset: flag(6, "RW", "Cold reset"),
      counterIndex: bits(11, 8, "RW", "Index of the performance counter data"),
      rangeIndex: bits(17, 12, "RW", "Index of the range data"),
      hotPlug: flag(18, "RW", "Hot plug"),
      hidePort: flag(19, "RW", "Port is hidden"),
    },
    within("switch"),
  ),
  performanceData: value(0x0c, 32, at(4), "Performance Counter Data", "RW", within("switch")),
  rangeData: value(0x10, 32, at(4), "Base/Limit Range Data", "RW", within("switch")),
  secondaryBaseData: value(0x14, 32, at(4), "Secondary Base Data", "RW", within("switch")),
  interruptDiscovery: register(
    0x02,
    16,
    at(6),
    "Interrupt Discovery Command",
    { index: bits(7, 0, "RW", "Index: 1 for the last interrupt, 16 for the first definition"), type },
    of("interruptDiscovery"),
  ),
  interruptData: value(0x04, 32, at(6), "Interrupt Discovery Data", "RW", within("interruptDiscovery")),
  revisionBlock: register(
    0x02,
    16,
    at(9),
    "Revision ID",
    {
      minor: bits(4, 0, "RO", "Minor revision"),
      major: bits(7, 5, "RO", "Major revision"),
      type,
    },
    of("revisionBlock"),
  ),
  unitIdClumping: register(0x02, 16, at(10), "UnitID Clumping Command", { type }, of("unitIdClumping")),
  clumpingSupport: value(
    0x04,
    32,
    at(10),
    "Clumping Support, a bit a UnitID",
    "RO",
    within("unitIdClumping"),
  ),
  clumpingEnable: value(0x08, 32, at(10), "Clumping Enable, a bit a UnitID", "RW", within("unitIdClumping")),
  extendedConfiguration: register(
    0x02,
    16,
    at(11),
    "Extended Configuration Space Access Command",
    { type },
    of("extendedConfiguration"),
  ),
  configurationAddress: register(
    0x04,
    32,
    at(11),
    "Configuration Address",
    {
      register: address(11, 2, "RW", "Byte of the configuration space"),
      function: bits(14, 12, "RW", "Function number"),
      device: bits(19, 15, "RW", "Device number"),
      bus: bits(27, 20, "RW", "Bus number"),
      type1: flag(28, "RW", "The access is of type 1"),
    },
    within("extendedConfiguration"),
  ),
  configurationData: value(0x08, 32, at(11), "Configuration Data", "RW", {
    when: "extendedConfiguration",
    reads: "effect",
  }),
  addressMapping: register(
    0x02,
    16,
    at(7),
    "Address Mapping Command",
    {
      dmaMappings: bits(3, 0, "RO", "DMA windows"),
      ioSize: bits(8, 4, "RO", "I/O size"),
      mapType: bits(10, 9, "RO", "Addresses", ["40-bit", "64-bit"]),
      type,
    },
    of("addressMapping"),
  ),
  window: register(0x04, 32, at(7), "Secondary Bus Non-Prefetchable Window", window, within("shortMapping")),
  prefetchWindow: register(
    0x08,
    32,
    at(7),
    "Secondary Bus Prefetchable Window",
    window,
    within("shortMapping"),
  ),
  mappingIndex: value(0x04, 32, at(8), "Address Mapping Index", "RW", within("longMapping")),
  mappingDataLo: value(0x08, 32, at(8), "Address Mapping Data Lower", "RW", within("longMapping")),
  mappingDataHi: value(0x0c, 32, at(8), "Address Mapping Data Upper", "RW", within("longMapping")),
  msiMapping: register(
    0x02,
    16,
    at(12),
    "MSI Mapping Command",
    {
      enable: flag(0, "RW", "Mapping enabled"),
      fixed: flag(1, "RO", "The address is fixed"),
      type,
    },
    of("msiMapping"),
  ),
  msiAddressLo: register(
    0x04,
    32,
    at(12),
    "MSI Mapping Address Lower",
    { address: address(31, 20, "RW", "Address of the window whose writes are interrupts") },
    within("msiAddress"),
  ),
  msiAddressHi: value(0x08, 32, at(12), "MSI Mapping Address Upper", "RW", within("msiAddress")),
  directRoute: register(
    0x02,
    16,
    at(13),
    "DirectRoute Command",
    {
      spaces: bits(3, 0, "RO", "DirectRoute spaces"),
      index: bits(8, 4, "RW", "Index of the data"),
      type,
    },
    of("directRoute"),
  ),
  directRouteEnable: value(0x04, 32, at(13), "DirectRoute Enable Vector", "RW", within("directRoute")),
  directRouteData: value(0x08, 32, at(13), "DirectRoute Data", "RW", within("directRoute")),
  vcSet: register(0x02, 16, at(14), "VCSet Command", { type }, of("vcSet")),
  vcSetsSupported: value(0x04, 8, at(14), "VCSets Supported, a bit a set", "RO", within("vcSet")),
  vcSetsEnabled1: value(0x05, 8, at(14), "Link 1 VCSets Enabled", "RW", within("vcSet")),
  vcSetsEnabled0: value(0x06, 8, at(14), "Link 0 VCSets Enabled", "RW", within("vcSet")),
  streamBucketDepth: value(0x08, 8, at(14), "Stream Bucket Depth", "RW", within("vcSet")),
  streamInterval: value(0x09, 8, at(14), "Stream Interval", "RW", within("vcSet")),
  streamingChannels: value(
    0x0a,
    8,
    at(14),
    "Streaming VCs: 0 for 1, 1 for 4, 2 for 16",
    "RO",
    within("vcSet"),
  ),
  otherBucketDepth: value(0x0c, 8, at(14), "Non-FC Bucket Depth", "RW", within("vcSet")),
  otherInterval: value(0x0d, 8, at(14), "Non-FC Interval", "RW", within("vcSet")),
  retryMode: register(0x02, 16, at(15), "Retry Mode Command", { type }, of("retryMode")),
  retryControl0: register(0x04, 8, at(15), "Retry Control 0", retryControl, within("retryMode")),
  retryStatus0: register(0x05, 8, at(15), "Retry Status 0", retryStatus, within("retryMode")),
  retryControl1: register(0x06, 8, at(15), "Retry Control 1", retryControl, within("retryMode")),
  retryStatus1: register(0x07, 8, at(15), "Retry Status 1", retryStatus, within("retryMode")),
  retryCount0: value(0x08, 16, at(15), "Retry Count 0", "RW", within("retryMode")),
  retryCount1: value(0x0a, 16, at(15), "Retry Count 1", "RW", within("retryMode")),
  otherBlock: register(
    0x02,
    16,
    at(4),
    "Command",
    { content: bits(10, 0, "RO", "What the type gives it"), type },
    within("otherBlock"),
  ),
} as const;
