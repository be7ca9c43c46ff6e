import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { bits, flag, register } from "../table.ts";
import { entriesLength, entryList } from "./entries.ts";

const section = "PCI Express 6.0, 7.9.29";
const HEAD = 0x14;
const CHANNEL = 12;

const protocols = ["as VC 0", "as VC 0, but what only VC 0 may carry", "UIO"];

const capabilities1 = register(0x04, 32, `${section}.2`, "SVC Port Capability 1", {
  extendedChannels: bits(2, 0, "HwInit", "Virtual channels beside the default one"),
});
const channels = countIn(capabilities1, "extendedChannels", { plus: -1 });

/** Streamlined virtual channels (PCI Express 6.0, section 7.9.29), without tables of arbitration. */
export const streamlinedVirtualChannel = capability({
  id: 0x0035,
  title: "Streamlined Virtual Channel",
  head: 8,
  length: entriesLength(HEAD, CHANNEL, channels),
  registers: {
    capabilities1,
    control: register(0x0c, 32, `${section}.4`, "SVC Port Control", {
      allEnabled: flag(0, "RW", "All channels to be used are enabled"),
    }),
    status: register(0x10, 32, `${section}.5`, "SVC Port Status", {
      useOthers: flag(0, "RW", "The VC or MFVC capability is in charge; once cleared it stays so"),
    }),
  },
  lists: {
    channels: entryList(
      {
        capabilities: register(0x00, 32, `${section}.6`, "SVC Resource Capability", {
          protocols: bits(11, 8, "HwInit", "Protocols", [...protocols, "UIO, or as VC 0"]),
          channelId: bits(14, 12, "HwInit", "VC ID"),
        }),
        control: register(0x04, 32, `${section}.7`, "SVC Resource Control", {
          trafficClasses: bits(7, 0, "RW", "Traffic classes mapped to it, a bit for each"),
          protocol: bits(11, 8, "RW", "Protocol selected", protocols),
          sharedCreditLimit: bits(29, 27, "RW", "Share of the credits, in eighths"),
          sharedCreditLimitEnable: flag(30, "RW", "The share is limited"),
          enable: flag(31, "RW", "VC enable"),
        }),
        status: register(0x08, 32, `${section}.8`, "SVC Resource Status", {
          negotiationPending: flag(1, "RO", "VC negotiation pending"),
        }),
      },
      HEAD,
      CHANNEL,
    ),
  },
  counts: { channels },
});
