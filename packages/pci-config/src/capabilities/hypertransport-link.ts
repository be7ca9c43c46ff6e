import { bits, flag, register, value } from "../table.ts";

const primary = { when: "primary" } as const;
const secondary = { when: "secondary" } as const;

/** The type of a link's block has three bits only (HyperTransport 3.10, 7.4). */
const linkType = bits(15, 13, "RO", "Capability type", ["slave or primary", "host or secondary"]);

const linkControl = {
  crcFloodEnable: flag(1, "RW", "CRC flood enable"),
  crcStartTest: flag(2, "RW", "CRC start test"),
  crcForceError: flag(3, "RW", "CRC force error"),
  linkFailure: flag(4, "RW1CS", "Link failure"),
  initialized: flag(5, "RO", "Initialization complete"),
  endOfChain: flag(6, "RW", "End of chain"),
  transmitterOff: flag(7, "RW", "Transmitter off"),
  crcError: bits(11, 8, "RW1CS", "CRC error of each byte lane"),
  isochronous: flag(12, "RW", "Isochronous flow control"),
  ldtStop: flag(13, "RW", "LDTSTOP# tristate"),
  extendedCtl: flag(14, "RW", "Extended CTL time"),
  address64: flag(15, "RW", "64-bit addressing"),
} as const;

const widths = ["8 bits", "16 bits", undefined, "32 bits", "2 bits", "4 bits", undefined, "not connected"];

const linkConfig = {
  maximumIn: bits(2, 0, "RO", "Widest link in", widths),
  doublewordIn: flag(3, "RO", "Doubleword flow control in"),
  maximumOut: bits(6, 4, "RO", "Widest link out", widths),
  doublewordOut: flag(7, "RO", "Doubleword flow control out"),
  widthIn: bits(10, 8, "RW", "Link width in", widths),
  doublewordInEnable: flag(11, "RW", "Doubleword flow control in enabled"),
  widthOut: bits(14, 12, "RW", "Link width out", widths),
  doublewordOutEnable: flag(15, "RW", "Doubleword flow control out enabled"),
} as const;

const revision = {
  minor: bits(4, 0, "RO", "Minor revision"),
  major: bits(7, 5, "RO", "Major revision"),
} as const;

const clocks = [
  ...["200 MHz", "300 MHz", "400 MHz", "500 MHz", "600 MHz", "800 MHz", "1.0 GHz", "1.2 GHz"],
  ...["1.4 GHz", "1.6 GHz", "1.8 GHz", "2.0 GHz", "2.2 GHz", "2.4 GHz", "2.6 GHz", "vendor-specific"],
];

const frequency = {
  frequency: bits(3, 0, "RWS", "Link frequency", clocks),
  protocolError: flag(4, "RW1CS", "Protocol error"),
  overflow: flag(5, "RW1CS", "Overflow error"),
  endOfChainError: flag(6, "RW1CS", "End of chain error"),
  ctlTimeout: flag(7, "RW1CS", "CTL timeout"),
} as const;

const frequencies = {
  mhz200: flag(0, "RO", "200 MHz"),
  mhz300: flag(1, "RO", "300 MHz"),
  mhz400: flag(2, "RO", "400 MHz"),
  mhz500: flag(3, "RO", "500 MHz"),
  mhz600: flag(4, "RO", "600 MHz"),
  mhz800: flag(5, "RO", "800 MHz"),
  mhz1000: flag(6, "RO", "1.0 GHz"),
  mhz1200: flag(7, "RO", "1.2 GHz"),
  mhz1400: flag(8, "RO", "1.4 GHz"),
  mhz1600: flag(9, "RO", "1.6 GHz"),
  mhz1800: flag(10, "RO", "1.8 GHz"),
  mhz2000: flag(11, "RO", "2.0 GHz"),
  mhz2200: flag(12, "RO", "2.2 GHz"),
  mhz2400: flag(13, "RO", "2.4 GHz"),
  mhz2600: flag(14, "RO", "2.6 GHz"),
  vendor: flag(15, "RO", "Vendor-specific frequency"),
} as const;

const features = {
  isochronous: flag(0, "RO", "Isochronous flow control mode"),
  ldtStop: flag(1, "RO", "LDTSTOP# supported"),
  crcTest: flag(2, "RO", "CRC test mode"),
  extendedCtl: flag(3, "RO", "Extended CTL time required"),
  address64: flag(4, "RO", "64-bit addressing"),
  unitIdReorderDisable: flag(5, "RO", "UnitID reorder disable"),
} as const;

const errorHandling = {
  protocolFlood: flag(0, "RW", "Protocol error flood enable"),
  overflowFlood: flag(1, "RW", "Overflow error flood enable"),
  protocolFatal: flag(2, "RW", "Protocol error fatal enable"),
  overflowFatal: flag(3, "RW", "Overflow error fatal enable"),
  endOfChainFatal: flag(4, "RW", "End of chain error fatal enable"),
  responseFatal: flag(5, "RW", "Response error fatal enable"),
  crcFatal: flag(6, "RW", "CRC error fatal enable"),
  systemErrorFatal: flag(7, "RW", "System error fatal enable"),
  chainFail: flag(8, "RO", "Chain fail"),
  responseError: flag(9, "RW1CS", "Response error"),
  protocolNonFatal: flag(10, "RW", "Protocol error non-fatal enable"),
  overflowNonFatal: flag(11, "RW", "Overflow error non-fatal enable"),
  endOfChainNonFatal: flag(12, "RW", "End of chain error non-fatal enable"),
  responseNonFatal: flag(13, "RW", "Response error non-fatal enable"),
  crcNonFatal: flag(14, "RW", "CRC error non-fatal enable"),
  systemErrorNonFatal: flag(15, "RW", "System error non-fatal enable"),
} as const;

const section = "HyperTransport 3.10, 7.5";

/** Registers of both kinds of interface to a link: of a slave or primary one, and of a host or secondary one. */
export const linkRegisters = {
  command: register(
    0x02,
    16,
    section,
    "Slave/Primary Command",
    {
      baseUnitId: bits(4, 0, "RW", "Base UnitID"),
      unitCount: bits(9, 5, "RO", "Unit count"),
      masterHost: flag(10, "RW", "Master host is on link 1"),
      defaultDirection: flag(11, "RW", "Default direction is away from the master host"),
      dropOnUninitialized: flag(12, "RW", "Drop on uninitialized link"),
      type: linkType,
    },
    { ...primary, makes: 0 },
  ),
  linkControl0: register(0x04, 16, section, "Link Control 0", linkControl, primary),
  linkConfig0: register(0x06, 16, section, "Link Configuration 0", linkConfig, primary),
  linkControl1: register(0x08, 16, section, "Link Control 1", linkControl, primary),
  linkConfig1: register(0x0a, 16, section, "Link Configuration 1", linkConfig, primary),
  revision: register(0x0c, 8, section, "Revision ID", revision, primary),
  frequency0: register(0x0d, 8, section, "Link Frequency/Error 0", frequency, primary),
  frequencies0: register(0x0e, 16, section, "Link Frequency Capability 0", frequencies, primary),
  features: register(0x10, 8, section, "Feature Capability", features, primary),
  frequency1: register(0x11, 8, section, "Link Frequency/Error 1", frequency, primary),
  frequencies1: register(0x12, 16, section, "Link Frequency Capability 1", frequencies, primary),
  scratchpad: value(0x14, 16, section, "Enumeration Scratchpad", "RW", primary),
  errorHandling: register(0x16, 16, section, "Error Handling", errorHandling, primary),
  memoryBaseUpper: value(0x18, 8, section, "Memory Base Upper", "RW", primary),
  memoryLimitUpper: value(0x19, 8, section, "Memory Limit Upper", "RW", primary),
  bus: value(0x1a, 8, section, "Bus Number", "RW", primary),
  hostCommand: register(
    0x02,
    16,
    section,
    "Host/Secondary Command",
    {
      warmReset: flag(0, "RW", "Warm reset"),
      doubleEnded: flag(1, "RW", "Double-ended chain"),
      device: bits(6, 2, "RW", "Device number"),
      chainSide: flag(7, "RO", "Chain side"),
      hostHide: flag(8, "RW", "Host hide"),
      actAsSlave: flag(10, "RW", "Act as slave"),
      endOfChainError: flag(11, "RW1CS", "Host inbound end of chain error"),
      dropOnUninitialized: flag(12, "RW", "Drop on uninitialized link"),
      type: linkType,
    },
    { ...secondary, makes: 0x2000 },
  ),
  hostLinkControl: register(0x04, 16, section, "Link Control", linkControl, secondary),
  hostLinkConfig: register(0x06, 16, section, "Link Configuration", linkConfig, secondary),
  hostRevision: register(0x08, 8, section, "Revision ID", revision, secondary),
  hostFrequency: register(0x09, 8, section, "Link Frequency/Error", frequency, secondary),
  hostFrequencies: register(0x0a, 16, section, "Link Frequency Capability", frequencies, secondary),
  hostFeatures: register(
    0x0c,
    16,
    section,
    "Feature Capability",
    {
      ...features,
      extendedRegisterSet: flag(8, "RO", "Extended register set"),
      upstreamConfiguration: flag(9, "RO", "Upstream configuration enable"),
    },
    secondary,
  ),
  hostScratchpad: value(0x10, 16, section, "Enumeration Scratchpad", "RW", secondary),
  hostErrorHandling: register(0x12, 16, section, "Error Handling", errorHandling, secondary),
  hostMemoryBaseUpper: value(0x14, 8, section, "Memory Base Upper", "RW", secondary),
  hostMemoryLimitUpper: value(0x15, 8, section, "Memory Limit Upper", "RW", secondary),
} as const;
