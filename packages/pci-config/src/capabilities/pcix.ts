import type { Region } from "@userpci/interface";
import { capability, type LengthRule } from "../capability.ts";
import { layoutAt } from "../header-layout.ts";
import { fieldAt } from "../register.ts";
import { bits, flag, register, value } from "../table.ts";

/** At the same place of a function and of a bridge. */
const version = bits(13, 12, "RO", "Version: 0 without ECC");

const command = register(
  0x02,
  16,
  "PCI-X 2.0a, 7.2.3",
  "PCI-X Command",
  {
    dataParityRecovery: flag(0, "RW", "Data parity error recovery"),
    relaxedOrdering: flag(1, "RW", "Relaxed ordering"),
    maximumRead: bits(3, 2, "RW", "Memory read byte count: 512 bytes times 2 to its power"),
    maximumSplits: bits(6, 4, "RW", "Split transactions outstanding: 1, 2, 3, 4, 8, 12, 16, 32"),
    version,
  },
  { when: "function" },
);

/** Whether the version has ECC registers. */
const hasEcc = (region: Region, offset: number): boolean => fieldAt(region, offset, command, "version") !== 0;

/** PCI-X: 8 bytes, or with ECC registers 24; a bridge has 16 or 32 (PCI-X 2.0a, 7.2 and 8.6.2). */
const length: LengthRule = (region, offset, traits) => {
  const wide = hasEcc(region, offset);
  if (traits.has("bridge")) return wide ? 32 : 16;
  return wide ? 24 : 8;
};

/** Where a function is on its bus. */
const place = {
  function: bits(2, 0, "RO", "Function number"),
  device: bits(7, 3, "RO", "Device number"),
  bus: bits(15, 8, "RO", "Bus number"),
  wide: flag(16, "RO", "64-bit bus"),
  capable133MHz: flag(17, "RO", "133 MHz capable"),
  splitDiscarded: flag(18, "RW1C", "Split completion discarded"),
  unexpectedSplit: flag(19, "RW1C", "Unexpected split completion"),
} as const;

/** What a clock field tells of the secondary bus: mode, protection and highest clock. */
const clocks = [
  "conventional",
  "66 MHz",
  "100 MHz",
  "133 MHz",
  undefined,
  "66 MHz with ECC",
  "100 MHz with ECC",
  "133 MHz with ECC",
  undefined,
  "PCI-X 266, 66 MHz",
  "PCI-X 266, 100 MHz",
  "PCI-X 266, 133 MHz",
  undefined,
  "PCI-X 533, 66 MHz",
  "PCI-X 533, 100 MHz",
  "PCI-X 533, 133 MHz",
];

/** The registers of ECC: a bridge has two banks of them, of which it shows one. */
const ecc = { when: "ecc", moved: { when: "bridge", by: 8 } } as const;

const split = {
  capacity: bits(15, 0, "RO", "ADQs of split transactions that the bridge can hold"),
  commitmentLimit: bits(31, 16, "RW", "ADQs that it may ask for"),
} as const;

/** PCI-X (PCI-X Protocol Addendum 2.0a), of a function or, with the trait `bridge`, of a bridge. */
export const pcix = capability({
  id: 0x07,
  title: "PCI-X",
  traits: function* (region, offset) {
    yield layoutAt(region) === "bridge" ? "bridge" : "function";
    if (hasEcc(region, offset)) yield "ecc";
  },
  length,
  registers: {
    command,
    status: register(
      0x04,
      32,
      "PCI-X 2.0a, 7.2.4",
      "PCI-X Status",
      {
        ...place,
        bridge: bits(20, 20, "RO", "Device complexity", ["simple", "bridge"]),
        maximumRead: bits(22, 21, "RO", "Designed memory read byte count: 512 bytes times 2 to its power"),
        maximumSplits: bits(25, 23, "RO", "Designed split transactions: 1, 2, 3, 4, 8, 12, 16, 32"),
        maximumCumulative: bits(28, 26, "RO", "Designed cumulative read size: 1 KiB times 2 to its power"),
        splitError: flag(29, "RW1C", "Received split completion error message"),
        capable266MHz: flag(30, "RO", "266 MHz capable"),
        capable533MHz: flag(31, "RO", "533 MHz capable"),
      },
      { when: "function" },
    ),
    secondaryStatus: register(
      0x02,
      16,
      "PCI-X 2.0a, 8.6.2.3",
      "PCI-X Secondary Status",
      {
        wide: flag(0, "RO", "64-bit secondary bus"),
        capable133MHz: flag(1, "RO", "133 MHz capable"),
        splitDiscarded: flag(2, "RW1C", "Split completion discarded"),
        unexpectedSplit: flag(3, "RW1C", "Unexpected split completion"),
        splitOverrun: flag(4, "RW1C", "Split completion overrun"),
        splitDelayed: flag(5, "RW1C", "Split request delayed"),
        frequency: bits(9, 6, "RO", "Secondary bus mode and highest clock", clocks),
        version,
        capable266MHz: flag(14, "RO", "266 MHz capable"),
        capable533MHz: flag(15, "RO", "533 MHz capable"),
      },
      { when: "bridge" },
    ),
    bridgeStatus: register(
      0x04,
      32,
      "PCI-X 2.0a, 8.6.2.4",
      "PCI-X Bridge Status",
      {
        ...place,
        splitOverrun: flag(20, "RW1C", "Split completion overrun"),
        splitDelayed: flag(21, "RW1C", "Split request delayed"),
        deviceIdMessages: flag(29, "RO", "Device ID messages can be forwarded"),
        capable266MHz: flag(30, "RO", "266 MHz capable"),
        capable533MHz: flag(31, "RO", "533 MHz capable"),
      },
      { when: "bridge" },
    ),
    upstreamSplit: register(0x08, 32, "PCI-X 2.0a, 8.6.2.5", "Upstream Split Transaction", split, {
      when: "bridge",
    }),
    downstreamSplit: register(0x0c, 32, "PCI-X 2.0a, 8.6.2.6", "Downstream Split Transaction", split, {
      when: "bridge",
    }),
    eccControl: register(
      0x08,
      32,
      "PCI-X 2.0a, 7.2.5",
      "ECC Control and Status",
      {
        secondary: flag(0, "RW", "The registers show errors of the secondary bus (bridges)"),
        otherBank: flag(1, "RO", "There is an error in the other bank (bridges)"),
        moreCorrectable: flag(2, "RW1C", "Further correctable errors"),
        moreUncorrectable: flag(3, "RW1C", "Further uncorrectable errors"),
        phase: bits(6, 4, "RW1C", "Phase of the error", [
          "none",
          "first address",
          "second address",
          "attribute",
          "16-bit or 32-bit data",
          "64-bit data",
        ]),
        corrected: flag(7, "RO", "The error was corrected"),
        syndrome: bits(15, 8, "RO", "Syndrome"),
        firstCommand: bits(19, 16, "RO", "First command"),
        secondCommand: bits(23, 20, "RO", "Second command"),
        upperAttributes: bits(27, 24, "RO", "Upper attributes"),
        controlUpdate: flag(28, "RW", "The two bits above are written too; reads 0"),
        correctionDisable: flag(30, "RW", "Single-bit errors are not corrected"),
        mode: flag(31, "RW", "ECC in mode 1"),
      },
      ecc,
    ),
    eccFirstAddress: value(0x0c, 32, "PCI-X 2.0a, 7.2.6", "ECC First Address", "RO", ecc),
    eccSecondAddress: value(0x10, 32, "PCI-X 2.0a, 7.2.7", "ECC Second Address", "RO", ecc),
    eccAttributes: value(0x14, 32, "PCI-X 2.0a, 7.2.8", "ECC Attribute", "RO", ecc),
  },
});
