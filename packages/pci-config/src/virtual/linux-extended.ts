import { extendedCapabilities } from "../extended.ts";
import { toldLength, virtualChannelLength } from "./lengths.ts";
import {
  ALL8,
  ALL32,
  type DefaultRule,
  type PermissionRule,
  rule,
  type StructureRules,
  type StructureTable,
} from "./rule.ts";

const readOnly: DefaultRule = {
  virtual: false,
  writable: false,
  reason: "a register that the kernel has no rule for is read from the device and never written",
};

const header = rule(0x00, 32, ALL32, "virtual, read-only", "leads past capabilities that are hidden");

function shown(
  name: string,
  length: StructureRules["length"],
  rules: readonly PermissionRule[] = [],
  others: DefaultRule = readOnly,
): StructureRules {
  return { name, length, others, rules: [header, ...rules] };
}

/** One that the kernel shows as long as the specification has it. */
function asDecoded(
  name: "accessControl" | "resizableBar" | "dynamicPower" | "processingHints",
): StructureRules {
  return shown(name, extendedCapabilities[name].length!);
}

/** Undefined, and every uncorrectable error up to a blocked TLP prefix. */
const UNCORRECTABLE = 0x03ff_f031;
const CORRECTABLE = 0x0000_f1c1;
const ERRORS = "reporting of this function's own errors is its user's";

const aer = shown("aer", 0x2c, [
  rule(0x04, 32, UNCORRECTABLE, "device, writable", ERRORS),
  rule(0x08, 32, UNCORRECTABLE, "device, writable", ERRORS),
  rule(0x0c, 32, UNCORRECTABLE, "device, writable", ERRORS),
  rule(0x10, 32, CORRECTABLE, "device, writable", ERRORS),
  rule(0x14, 32, CORRECTABLE, "device, writable", ERRORS),
  rule(0x18, 32, 0x0000_0140, "device, writable", "generation and check of ECRC harm only the function"),
]);

const powerBudgeting = shown("powerBudgeting", 0x10, [
  rule(0x04, 8, ALL8, "device, writable", "selects which of the data is shown; the data stays read-only"),
]);

const known: DefaultRule = {
  virtual: false,
  writable: true,
  reason: "drivers need it, and only its vendor knows what it does",
};

/** Extended capabilities that vfio-pci of Linux 6.12 shows; it hides those whose length it does not know. */
export const linuxExtended: StructureTable = {
  1: aer,
  2: shown("virtualChannel", virtualChannelLength),
  3: shown("serialNumber", 12),
  4: powerBudgeting,
  8: shown("multiFunctionVirtualChannel", virtualChannelLength),
  9: shown("virtualChannelBesideMfvc", virtualChannelLength),
  11: shown("vsec", toldLength, [], known),
  13: asDecoded("accessControl"),
  14: shown("alternativeRoutingId", 8),
  15: shown("addressTranslation", 8),
  16: shown("sriov", 0x40),
  18: shown("multicast", 40),
  19: shown("pageRequest", 16),
  21: asDecoded("resizableBar"),
  22: asDecoded("dynamicPower"),
  23: asDecoded("processingHints"),
  24: shown("latencyTolerance", 8),
  35: shown("dvsec", toldLength, [], known),
};
