import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";
import { list } from "../view.ts";
import { laneLength, laneStarts } from "./lanes.ts";

const equalization = {
  complete: flag(0, "ROS", "Equalization complete"),
  phase1: flag(1, "ROS", "Phase 1 successful"),
  phase2: flag(2, "ROS", "Phase 2 successful"),
  phase3: flag(3, "ROS", "Phase 3 successful"),
  request: flag(4, "RW1CS", "Link equalization request"),
} as const;

const status = { reserved: "RsvdZ" } as const;

/** The presets of each lane: a byte each from `start` on. */
const lanes = (start: number, section: string) =>
  list(
    {
      equalization: register(0x00, 8, section, "Lane Equalization Control", {
        downstreamPreset: bits(3, 0, "HwInit", "Transmitter preset of the downstream port"),
        upstreamPreset: bits(7, 4, "HwInit", "Transmitter preset of the upstream port"),
      }),
    },
    laneStarts(start, 1),
  );

/** Equalization and retimers at 16 GT/s (section 7.7.5). Its capabilities and control registers hold nothing yet. */
export const physicalLayer16 = capability({
  id: 0x0026,
  title: "Physical Layer 16.0 GT/s",
  length: laneLength(0x20, 1),
  registers: {
    status: register(0x0c, 32, "7.7.5.4", "16.0 GT/s Status", equalization, status),
    localParity: value(0x10, 32, "7.7.5.5", "Local data parity mismatches, a bit for each lane", "RW1CS"),
    retimer1Parity: value(
      0x14,
      32,
      "7.7.5.6",
      "First retimer's data parity mismatches, a bit for each lane",
      "RW1CS",
    ),
    retimer2Parity: value(
      0x18,
      32,
      "7.7.5.7",
      "Second retimer's data parity mismatches, a bit for each lane",
      "RW1CS",
    ),
  },
  lists: { lanes: lanes(0x20, "7.7.5.9") },
});

/** Usage modes of modified training sets, by value. */
const usageModes = ["PCI Express", "training set messages", "alternate protocol"];

const trainingData1 = {
  usageMode: bits(2, 0, "RO", "Usage mode", usageModes),
  information1: bits(15, 3, "RO", "Information 1"),
  vendorId: bits(31, 16, "RO", "Vendor ID of the message or protocol"),
} as const;

const trainingData2 = {
  information2: bits(23, 0, "RO", "Information 2"),
  negotiation: bits(25, 24, "RO", "Alternate protocol negotiation", [
    "not supported",
    "disabled",
    "failed",
    "succeeded",
  ]),
} as const;

/** Equalization and modified training sets at 32 GT/s (section 7.7.6). */
export const physicalLayer32 = capability({
  id: 0x002a,
  title: "Physical Layer 32.0 GT/s",
  length: laneLength(0x20, 1),
  registers: {
    capabilities: register(0x04, 32, "7.7.6.2", "32.0 GT/s Capabilities", {
      bypass: flag(0, "HwInit", "Equalization may be bypassed up to the highest rate"),
      noEqualizationNeeded: flag(1, "HwInit", "May need no equalization"),
      usageMode0: flag(8, "HwInit", "Modified training sets for PCI Express"),
      usageMode1: flag(9, "HwInit", "Modified training sets for messages"),
      usageMode2: flag(10, "HwInit", "Modified training sets for alternate protocols"),
    }),
    control: register(0x08, 32, "7.7.6.3", "32.0 GT/s Control", {
      bypassDisable: flag(0, "RWS", "No bypass to the highest rate"),
      noEqualizationNeededDisable: flag(1, "RWS", "Do not tell that no equalization is needed"),
      usageMode: bits(10, 8, "RWS", "Usage mode of modified training sets", usageModes),
    }),
    status: register(
      0x0c,
      32,
      "7.7.6.4",
      "32.0 GT/s Status",
      {
        ...equalization,
        modifiedReceived: flag(5, "RO", "Modified training set received"),
        enhancedBehavior: bits(7, 6, "RO", "Enhanced link behavior received", [
          "full equalization required",
          "equalization bypass to the highest rate",
          "no equalization needed",
          "modified training sets supported",
        ]),
        precodingOn: flag(8, "RO", "Transmitter precoding on"),
        precodeRequest: flag(9, "RO", "Asks for transmitter precoding"),
        noEqualizationNeededReceived: flag(10, "RO", "No equalization needed was received"),
      },
      status,
    ),
    received1: register(0x10, 32, "7.7.6.5", "Received Modified TS Data 1", trainingData1),
    received2: register(0x14, 32, "7.7.6.6", "Received Modified TS Data 2", trainingData2),
    transmitted1: register(0x18, 32, "7.7.6.7", "Transmitted Modified TS Data 1", trainingData1),
    transmitted2: register(0x1c, 32, "7.7.6.8", "Transmitted Modified TS Data 2", trainingData2),
  },
  lists: { lanes: lanes(0x20, "7.7.6.9") },
});

/** Equalization at 64 GT/s (PCI Express 6.0, section 7.7.7). Its capabilities and control registers hold nothing yet. */
export const physicalLayer64 = capability({
  id: 0x0031,
  title: "Physical Layer 64.0 GT/s",
  length: laneLength(0x10, 1),
  registers: {
    status: register(
      0x0c,
      32,
      "PCI Express 6.0, 7.7.7.4",
      "64.0 GT/s Status",
      {
        ...equalization,
        precodingOn: flag(5, "RO", "Transmitter precoding on"),
        precodeRequest: flag(6, "RO", "Asks for transmitter precoding"),
        noEqualizationNeededReceived: flag(7, "RO", "No equalization needed was received"),
      },
      status,
    ),
  },
  lists: { lanes: lanes(0x10, "PCI Express 6.0, 7.7.7.5") },
});
