import { capability, type LengthRule } from "../capability.ts";
import { fieldAt } from "../register.ts";
import { type Access, bits, flag, register } from "../table.ts";
import { extendedHeader } from "../walk.ts";
import { latencyUnits } from "./latency-tolerance.ts";

/** Microseconds of the units of a power-on time, by scale. */
export const powerOnScales: readonly number[] = [2, 10, 100];
const powerOnUnits = powerOnScales.map((scale) => `${scale} us`);

function substates<const A extends Access>(access: A) {
  return {
    pciPmL12: flag(0, access, "L1.2 by PCI power management"),
    pciPmL11: flag(1, access, "L1.1 by PCI power management"),
    aspmL12: flag(2, access, "L1.2 by active state power management"),
    aspmL11: flag(3, access, "L1.1 by active state power management"),
  };
}

/** Version 2 adds a register. */
const length: LengthRule = (_region, _offset, traits) => (traits.has("status") ? 20 : 16);

/** L1 power management substates (section 7.8.3). */
export const l1Substates = capability({
  id: 0x001e,
  title: "L1 PM Substates",
  traits: function* (region, offset) {
    if (fieldAt(region, offset, extendedHeader, "version") >= 2) yield "status";
  },
  length,
  registers: {
    capabilities: register(0x04, 32, "7.8.3.2", "L1 PM Substates Capabilities", {
      ...substates("HwInit"),
      supported: flag(4, "HwInit", "L1 PM substates"),
      linkActivation: flag(5, "HwInit", "Can hold the link in L0"),
      commonModeRestoreTime: bits(15, 8, "HwInit", "Time to restore common mode, in us"),
      powerOnScale: bits(17, 16, "HwInit", "Unit of the power-on time", powerOnUnits),
      powerOnTime: bits(23, 19, "HwInit", "Power-on time, in units"),
    }),
    control1: register(0x08, 32, "7.8.3.3", "L1 PM Substates Control 1", {
      ...substates("RW"),
      linkActivationInterrupt: flag(4, "RW", "Link activation interrupt enable"),
      linkActivation: flag(5, "RW", "Holds the link in L0"),
      commonModeRestoreTime: bits(15, 8, "RW", "Time to restore common mode, in us"),
      thresholdValue: bits(25, 16, "RW", "Latency tolerance from which L1.2 is entered, in units"),
      thresholdScale: bits(31, 29, "RW", "Its unit", latencyUnits),
    }),
    control2: register(0x0c, 32, "7.8.3.4", "L1 PM Substates Control 2", {
      powerOnScale: bits(1, 0, "RW", "Unit of the power-on time", powerOnUnits),
      powerOnTime: bits(7, 3, "RW", "Power-on time, in units"),
    }),
    status: register(
      0x10,
      32,
      "7.8.3.5",
      "L1 PM Substates Status",
      { linkActivation: flag(0, "RW1C", "The link is in L0, as was wanted") },
      { when: "status", reserved: "RsvdZ" },
    ),
  },
});
