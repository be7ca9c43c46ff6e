import { capability } from "../capability.ts";
import { countIn } from "../list-count.ts";
import { bits, flag, register, value } from "../table.ts";
import { entriesLength, entryList } from "./entries.ts";

/** Power budgeting (section 7.8.1): a table of what the function draws, of which one row shows at a time. */
export const powerBudgeting = capability({
  id: 0x0004,
  title: "Power Budgeting",
  length: 16,
  registers: {
    dataSelect: value(0x04, 8, "7.8.1.2", "Row of the table that is in the data register", "RW"),
    data: register(0x08, 32, "7.8.1.3", "Power Budgeting Data; 0 behind the last row", {
      basePower: bits(7, 0, "RO", "Power, in watts times the scale; from F0h on 250 watts and more"),
      scale: bits(9, 8, "RO", "Scale", ["1", "0.1", "0.01", "0.001"]),
      substate: bits(12, 10, "RO", "Substate of the power state; 0 is the default one"),
      powerState: bits(14, 13, "RO", "Power state", ["D0", "D1", "D2", "D3"]),
      operation: bits(17, 15, "RO", "Operating condition", [
        "PME auxiliary",
        "auxiliary",
        "idle",
        "sustained",
        "sustained, emergency power reduction",
        "maximum, emergency power reduction",
        undefined,
        "maximum",
      ]),
      rail: bits(20, 18, "RO", "Power rail", [
        "12 V",
        "3.3 V",
        "1.5 V or 1.8 V",
        undefined,
        undefined,
        undefined,
        undefined,
        "thermal",
      ]),
    }),
    capabilities: register(0x0c, 8, "7.8.1.4", "Power Budget Capability", {
      systemAllocated: flag(0, "HwInit", "The system's power budget has it in already"),
    }),
  },
});

const substates = register(0x04, 32, "7.9.12.2", "DPA Capability", {
  lastSubstate: bits(4, 0, "RO", "Highest substate; substates are one more"),
  latencyUnit: bits(9, 8, "RO", "Unit of the transition latencies", ["1 ms", "10 ms", "100 ms"]),
  powerScale: bits(13, 12, "RO", "Watts times this is the power of a substate", ["10", "1", "0.1", "0.01"]),
  latency0: bits(23, 16, "RO", "Transition latency 0, in units"),
  latency1: bits(31, 24, "RO", "Transition latency 1, in units"),
});

const ALLOCATIONS = 0x10;

/** Bytes for each substate. */
const ALLOCATION = 1;
const allocations = countIn(substates, "lastSubstate", { plus: -1 });

/** Dynamic power allocation (section 7.9.12): substates of D0 that draw less. */
export const dynamicPower = capability({
  id: 0x0016,
  title: "Dynamic Power Allocation",
  head: 8,
  length: entriesLength(ALLOCATIONS, ALLOCATION, allocations),
  registers: {
    capabilities: substates,
    latencyIndicator: value(0x08, 32, "7.9.12.3", "Which of the two latencies each substate has", "RO"),
    status: register(
      0x0c,
      16,
      "7.9.12.4",
      "DPA Status",
      {
        substate: bits(4, 0, "RO", "Current substate"),
        controlEnabled: flag(8, "RW1C", "The substate may be controlled, until this is cleared"),
      },
      { reserved: "RsvdZ" },
    ),
    control: register(0x0e, 16, "7.9.12.5", "DPA Control", {
      substate: bits(4, 0, "RW", "Substate wanted"),
    }),
  },
  lists: {
    allocations: entryList(
      { power: value(0x00, 8, "7.9.12.6", "Power of the substate, in units of the scale", "RO") },
      ALLOCATIONS,
      ALLOCATION,
    ),
  },
  counts: { allocations },
});
