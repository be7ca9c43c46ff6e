import { type CapabilitySpec, capability } from "../capability.ts";
import { commonHeader } from "../header.ts";
import { bits, flag, register } from "../table.ts";

/** PCI-X: 8 bytes, or with ECC registers 24; a bridge has 16 or 32 (PCI-X 2.0a, 7.2 and 8.6.2). */
const length: NonNullable<CapabilitySpec["length"]> = (region, offset, traits) => {
  const hasEcc = (region.read16(offset + 2) & 0x3000) !== 0;
  if (traits.has("bridge")) return hasEcc ? 32 : 16;
  return hasEcc ? 24 : 8;
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

const split = {
  capacity: bits(15, 0, "RO", "ADQs of split transactions that the bridge can hold"),
  commitmentLimit: bits(31, 16, "RW", "ADQs that it may ask for"),
} as const;

/** PCI-X (PCI-X Protocol Addendum 2.0a), of a function or, with the trait `bridge`, of a bridge. */
export const pcix = capability({
  id: 0x07,
  title: "PCI-X",
  traits: function* (region) {
    const layout = region.read8(commonHeader.headerType.offset) & 0x7f;
    yield layout === 1 ? "bridge" : "function";
  },
  length,
  registers: {
    command: register(
      0x02,
      16,
      "PCI-X 2.0a, 7.2.3",
      "PCI-X Command",
      {
        dataParityRecovery: flag(0, "RW", "Data parity error recovery"),
        relaxedOrdering: flag(1, "RW", "Relaxed ordering"),
        maximumRead: bits(3, 2, "RW", "Memory read byte count: 512 bytes times 2 to its power"),
        maximumSplits: bits(6, 4, "RW", "Split transactions outstanding: 1, 2, 3, 4, 8, 12, 16, 32"),
        version: bits(13, 12, "RO", "Version: 0 without ECC"),
      },
      { when: "function" },
    ),
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
        frequency: bits(8, 6, "RO", "Secondary clock", ["conventional", "66 MHz", "100 MHz", "133 MHz"]),
        version: bits(13, 12, "RO", "Version: 0 without ECC"),
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
      },
      { when: "bridge" },
    ),
    upstreamSplit: register(0x08, 32, "PCI-X 2.0a, 8.6.2.5", "Upstream Split Transaction", split, {
      when: "bridge",
    }),
    downstreamSplit: register(0x0c, 32, "PCI-X 2.0a, 8.6.2.6", "Downstream Split Transaction", split, {
      when: "bridge",
    }),
  },
});
