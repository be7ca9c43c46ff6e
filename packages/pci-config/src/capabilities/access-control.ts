import type { Region } from "@userpci/interface";
import { capability, type LengthRule } from "../capability.ts";
import { fieldAt } from "../register.ts";
import { type Access, bits, flag, register, value } from "../table.ts";
import { entryList } from "./entries.ts";

/** What can be controlled, as capabilities and as enable bits. */
function controls<const A extends Access>(access: A) {
  return {
    sourceValidation: flag(0, access, "Source validation"),
    translationBlocking: flag(1, access, "Translation blocking"),
    requestRedirect: flag(2, access, "Peer-to-peer request redirect"),
    completionRedirect: flag(3, access, "Peer-to-peer completion redirect"),
    upstreamForwarding: flag(4, access, "Upstream forwarding"),
    egressControl: flag(5, access, "Peer-to-peer egress control"),
    directTranslated: flag(6, access, "Direct translated peer-to-peer"),
  };
}

const capabilities = register(0x04, 16, "7.7.8.2", "ACS Capability", {
  ...controls("RO"),
  enhanced: flag(7, "RO", "Has the enhanced controls"),
  vectorSize: bits(15, 8, "HwInit", "Bits of the egress control vector; 0 is 256"),
});

const HEAD = 8;

/** Dwords of egress control vector. */
function vectorDwords(region: Region, offset: number): number {
  if (fieldAt(region, offset, capabilities, "egressControl") === 0) return 0;
  return Math.ceil((fieldAt(region, offset, capabilities, "vectorSize") || 256) / 32);
}

const length: LengthRule = (region, offset) => HEAD + 4 * vectorDwords(region, offset);

/** What happens to a request for memory of the port itself. */
const targets = ["direct", "blocked", "redirected upstream"];

/** Access control services (section 7.7.8): which peer-to-peer traffic a function lets through. */
export const accessControl = capability({
  id: 0x000d,
  title: "Access Control Services",
  head: HEAD,
  length,
  registers: {
    capabilities,
    control: register(0x06, 16, "7.7.8.3", "ACS Control", {
      ...controls("RW"),
      ioRequestBlocking: flag(7, "RW", "I/O request blocking"),
      downstreamTargets: bits(9, 8, "RW", "Requests for memory of downstream ports", targets),
      upstreamTargets: bits(11, 10, "RW", "Requests for memory of the upstream port", targets),
      unclaimedRedirect: flag(12, "RW", "Unclaimed requests are redirected upstream"),
    }),
  },
  lists: {
    egressVector: entryList(
      { bits: value(0x00, 32, "7.7.8.4", "Egress Control Vector: a bit for each port or function", "RW") },
      HEAD,
      4,
    ),
  },
});
