import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { bits, flag, register } from "../table.ts";
import { entriesLength, entryList } from "./entries.ts";

const PROTOCOLS = 0x10;
const PROTOCOL = 4;
const assignment = (channel: number) =>
  bits(
    8 * channel + 5,
    8 * channel,
    "RW",
    `Protocol of channel ${channel}, by its place in the array from 1 on; 0 for none`,
  );
const disabled = (channel: number, at: number, reason: string) =>
  flag(8 * channel + at, "RO", `Channel ${channel} is disabled because of ${reason}`);

const capabilities = register(0x04, 32, "G.5.2", "PMUX Capability", {
  protocols: bits(5, 0, "RO", "Protocols in the array"),
  speeds: bits(15, 8, "RO", "Supported speeds: bit 0 is 2.5 GT/s, bit 1 is 5 GT/s, and so on"),
});
const protocols = countIn(capabilities, "protocols");

/** Protocol multiplexing (appendix G.5): other protocols on a link, beside PCI Express. */
export const protocolMultiplexing = capability({
  id: 0x001a,
  title: "Protocol Multiplexing",
  head: 8,
  length: entriesLength(PROTOCOLS, PROTOCOL, protocols),
  registers: {
    capabilities,
    control: register(0x08, 32, "G.5.3", "PMUX Control", {
      channel0: assignment(0),
      channel1: assignment(1),
      channel2: assignment(2),
      channel3: assignment(3),
    }),
    status: register(
      0x0c,
      32,
      "G.5.4",
      "PMUX Status",
      {
        speed0: disabled(0, 0, "the link speed"),
        width0: disabled(0, 1, "the link width"),
        protocol0: disabled(0, 2, "the protocol"),
        speed1: disabled(1, 0, "the link speed"),
        width1: disabled(1, 1, "the link width"),
        protocol1: disabled(1, 2, "the protocol"),
        speed2: disabled(2, 0, "the link speed"),
        width2: disabled(2, 1, "the link width"),
        protocol2: disabled(2, 2, "the protocol"),
        speed3: disabled(3, 0, "the link speed"),
        width3: disabled(3, 1, "the link width"),
        protocol3: disabled(3, 2, "the protocol"),
      },
      { reserved: "RsvdZ" },
    ),
  },
  lists: {
    protocols: entryList(
      {
        protocol: register(0x00, 32, "G.5.5", "PMUX Protocol Array", {
          protocolId: bits(15, 0, "RO", "Protocol ID"),
          authorityId: bits(31, 16, "RO", "Authority ID"),
        }),
      },
      PROTOCOLS,
      PROTOCOL,
    ),
  },
  counts: { protocols },
});
