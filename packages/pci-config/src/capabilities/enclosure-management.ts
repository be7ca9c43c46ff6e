import { capability } from "../capability.ts";
import { type Access, bits, flag, register } from "../table.ts";

const states = <const A extends Access>(access: A) => ({
  ok: flag(2, access, "OK"),
  locate: flag(3, access, "Locate"),
  fail: flag(4, access, "Fail"),
  rebuild: flag(5, access, "Rebuild"),
  predictedFailure: flag(6, access, "Predicted failure (PFA)"),
  hotSpare: flag(7, access, "Hot spare"),
  criticalArray: flag(8, access, "In a critical array"),
  failedArray: flag(9, access, "In a failed array"),
  invalidDeviceType: flag(10, access, "Invalid device type"),
  disabled: flag(11, access, "Disabled"),
  specific: bits(31, 24, access, "Specific to the enclosure"),
});

/** Native PCIe enclosure management (section 7.9.20): the lights of a slot. */
export const enclosureManagement = capability({
  id: 0x0029,
  title: "Native PCIe Enclosure Management",
  length: 16,
  registers: {
    capabilities: register(0x04, 32, "7.9.20.2", "NPEM Capability: states that can be shown", {
      capable: flag(0, "HwInit", "NPEM capable"),
      reset: flag(1, "HwInit", "Can be reset"),
      ...states("HwInit"),
    }),
    control: register(0x08, 32, "7.9.20.3", "NPEM Control: any write is a command", {
      enable: flag(0, "RW", "NPEM enable"),
      reset: flag(1, "RW", "Initiate a reset; reads 0"),
      ...states("RW"),
    }),
    status: register(
      0x0c,
      32,
      "7.9.20.4",
      "NPEM Status",
      {
        completed: flag(0, "RW1C", "Command completed"),
        specific: bits(31, 24, "RO", "Specific to the enclosure"),
      },
      { reserved: "RsvdZ" },
    ),
  },
});
