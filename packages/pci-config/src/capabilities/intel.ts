import { bits, flag, register } from "../table.ts";

const section = "Intel Core processor datasheets, Host Bridge, CAPID0";

/** Vendor id of Intel. */
export const INTEL = 0x8086;
/** The byte behind the length where the registers below follow: capabilities of version 1. */
export const INTEL_CAPABILITIES = 0x01;

/** What Intel's vendor-specific capability is. */
export const intelHeader = register(0x03, 8, section, "What follows", {
  version: bits(3, 0, "RO", "Version"),
  content: bits(7, 4, "RO", "What follows", ["capabilities", "feature detection"]),
});

/** Registers of the vendor-specific capability of Intel's host bridges, whose bits say what a processor has turned off. */
export const intelCapabilities = {
  a: register(0x04, 32, section, "Capabilities A", {
    ddr3LowVoltage: flag(0, "RO", "DDR3L enabled"),
    ddrWriteVref: flag(1, "RO", "DDR write Vref enabled"),
    overclocking: flag(2, "RO", "Overclocking enabled"),
    ddrOverclocking: flag(3, "RO", "DDR overclocking"),
    compatibilityRevision: bits(7, 4, "RO", "Compatibility revision ID"),
    compatibilityDevice: bits(9, 8, "RO", "Compatibility device ID"),
    graphicsDisable: flag(11, "RO", "Internal graphics off"),
    pdcDisable: flag(12, "RO", "PDCD"),
    x2apic: flag(13, "RO", "Extended x2APIC"),
    dualDimmDisable: flag(14, "RO", "Two DIMMs a channel off"),
    channelsDisable: flag(15, "RO", "Second channel off"),
    timing1NDisable: flag(17, "RO", "1N mode off"),
    ddrSize: bits(20, 19, "RO", "Most memory a channel", ["unlimited", "8 GB", "2 GB", "0.5 GB"]),
    pegGen2Disable: flag(21, "RO", "PEG at 5 GT/s off"),
    dmiGen2Disable: flag(22, "RO", "DMI at 5 GT/s off"),
    vtdDisable: flag(23, "RO", "VT-d off"),
    forceEcc: flag(24, "RO", "ECC forced on"),
    eccDisable: flag(25, "RO", "ECC off"),
    dmiWidth: bits(26, 26, "RO", "DMI width", ["x4", "x2"]),
    pegWidthUpDisable: flag(27, "RO", "PEG width upconfiguration off"),
    peg10Disable: flag(28, "RO", "PEG 1:0 off"),
    peg11Disable: flag(29, "RO", "PEG 1:1 off"),
    peg12Disable: flag(30, "RO", "PEG 1:2 off"),
    peg60Disable: flag(31, "RO", "PEG 6:0 off"),
  }),
  b: register(0x08, 32, section, "Capabilities B", {
    lpddr3: flag(2, "RO", "LPDDR3 enabled"),
    ddr3Frequency: bits(5, 4, "RO", "Highest DDR3 frequency, in steps of 266.6 MHz down from 2932 MHz"),
    gmmDisable: flag(8, "RO", "Gaussian mixture model off"),
    dmiGen3Disable: flag(15, "RO", "DMI at 8 GT/s off"),
    pegX16Disable: flag(16, "RO", "PEG x16 off"),
    addedGraphicsCapable: flag(17, "RO", "Additive graphics capable"),
    addedGraphics: flag(18, "RO", "Additive graphics enabled"),
    packageType: flag(19, "RO", "Package type"),
    pegGen3Disable: flag(20, "RO", "PEG at 8 GT/s off"),
    ddr3Reference100: bits(23, 21, "RO", "Highest DDR3 frequency at a 100 MHz reference"),
    softBin: flag(24, "RO", "Soft bin capable"),
    cacheSize: bits(27, 25, "RO", "Cache size"),
    smt: flag(28, "RO", "SMT capable"),
    overclockingBySku: flag(29, "RO", "Overclocking by SSKU enabled"),
    overclockingBySkuCapable: flag(30, "RO", "Overclocking by SSKU capable"),
    imageDisable: flag(31, "RO", "Imaging unit off"),
  }),
  c: register(0x0c, 32, section, "Capabilities C", {
    gear1Frequency: bits(3, 0, "RO", "Highest frequency in gear 1, in 266.6 MHz; 0 for no limit"),
    pipe3Disable: flag(5, "RO", "Display pipe 3 off"),
    iddDisable: flag(6, "RO", "IDD off"),
    baseClock: bits(8, 7, "RO", "Highest base clock"),
    sgxDisable: flag(9, "RO", "SGX off"),
    qclkDisable: flag(14, "RO", "QCLK GV off"),
    lpddr4: flag(16, "RO", "LPDDR4 enabled"),
    lpddr4Frequency: bits(20, 17, "RO", "Highest LPDDR4 frequency; 0 for no limit"),
    lpddr: flag(22, "RO", "LPDDR enabled"),
    ddr4Frequency: bits(26, 23, "RO", "Highest DDR4 frequency; 0 for no limit"),
    pegGen4Disable: flag(28, "RO", "PEG at 16 GT/s off"),
  }),
} as const;
