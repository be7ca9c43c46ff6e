import { capability } from "../capability.ts";
import { bits, flag, register, value } from "../table.ts";
import { entryList } from "./entries.ts";
import { linkWidths } from "./flit-words.ts";

const section = "PCI Express 6.0, 7.7.8";
const FIRST_LANE = 0x1c;

/** Flit logging (PCI Express 6.0, section 7.7.8): errors of flits, counted and logged. */
export const flitLogging = capability({
  id: 0x0032,
  title: "Flit Logging",
  length: 0x3c,
  registers: {
    log1: register(0x04, 32, `${section}.2`, "Flit Error Log 1", {
      valid: flag(0, "RW1CS", "An error is logged; clearing shows the next one"),
      width: bits(3, 1, "ROS", "Link width at the error", linkWidths),
      distance: bits(7, 4, "ROS", "Flits since the last logged one; 15 for more"),
      following: bits(12, 8, "ROS", "Errors in the next five flits, a bit for each"),
      more: flag(13, "ROS", "More entries are logged"),
      unrecognized: flag(14, "ROS", "Unrecognized flit"),
      uncorrectable: flag(15, "ROS", "FEC uncorrectable error"),
      parity0: bits(23, 16, "ROS", "Syndrome parity of ECC group 0"),
      check0: bits(31, 24, "ROS", "Syndrome check of ECC group 0"),
    }),
    log2: register(0x08, 32, `${section}.3`, "Flit Error Log 2", {
      parity1: bits(7, 0, "ROS", "Syndrome parity of ECC group 1"),
      check1: bits(15, 8, "ROS", "Syndrome check of ECC group 1"),
      parity2: bits(23, 16, "ROS", "Syndrome parity of ECC group 2"),
      check2: bits(31, 24, "ROS", "Syndrome check of ECC group 2"),
    }),
    counterControl: register(0x0c, 16, `${section}.4`, "Flit Error Counter Control", {
      enable: flag(0, "RW", "Counts"),
      interrupt: flag(1, "RW", "Interrupt when the trigger is exceeded"),
      events: bits(3, 2, "RW", "Events to count", [
        "correctable and invalid flits, framing errors",
        "correctable flits",
        "invalid flits",
        "all, and invalid ordered sets",
      ]),
      trigger: bits(11, 4, "RW", "Count that triggers an event; 0 for none"),
    }),
    counterStatus: register(
      0x0e,
      16,
      `${section}.5`,
      "Flit Error Counter Status",
      {
        width: bits(2, 0, "ROS", "Link width when counting started", linkWidths),
        interrupt: flag(3, "RW1CS", "The trigger was exceeded"),
        count: bits(15, 8, "ROS", "Flit error counter"),
      },
      { reserved: "RsvdZ" },
    ),
    measurementControl: register(0x10, 32, `${section}.6`, "FBER Measurement Control", {
      enable: flag(0, "RW", "Measures bit errors"),
      clear: flag(1, "RW", "Clear the counters; reads 0"),
      granularity: bits(3, 2, "RW", "Errors counted for each lane", [
        "all bits",
        "even bits",
        "odd bits",
        "mismatches of SKP ordered sets",
      ]),
    }),
    flits: value(0x14, 32, `${section}.7`, "FBER Measurement Status 1: flits", "ROS"),
    invalidFlits: register(0x18, 32, `${section}.8`, "FBER Measurement Status 2", {
      count: bits(15, 0, "ROS", "Invalid flits"),
    }),
  },
  lists: {
    lanes: entryList(
      {
        correctable: value(
          0x00,
          16,
          `${section}.9`,
          "FBER Measurement Status 3 to 10: correctable errors",
          "RO",
        ),
      },
      FIRST_LANE,
      2,
    ),
  },
});
