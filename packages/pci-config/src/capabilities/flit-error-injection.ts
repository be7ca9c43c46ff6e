import { capability } from "../capability.ts";
import { bits, flag, register } from "../table.ts";

const section = "PCI Express 6.0, 7.8.13";
const states = ["not started", "started", "completed", "aborted"];

const orderedSets = {
  ts0: bits(1, 0, "ROS", "TS0", states),
  ts1: bits(3, 2, "ROS", "TS1", states),
  ts2: bits(5, 4, "ROS", "TS2", states),
  skp: bits(7, 6, "ROS", "SKP", states),
  eieos: bits(9, 8, "ROS", "EIEOS", states),
  eios: bits(11, 10, "ROS", "EIOS", states),
  sds: bits(13, 12, "ROS", "SDS", states),
  polling: bits(15, 14, "ROS", "In polling", states),
  configuration: bits(17, 16, "ROS", "In configuration", states),
  l0: bits(19, 18, "ROS", "In L0", states),
  recovery: bits(21, 20, "ROS", "In recovery without equalization", states),
  phase01: bits(23, 22, "ROS", "In phase 0 and 1 of equalization", states),
  phase2: bits(25, 24, "ROS", "In phase 2", states),
  phase3: bits(27, 26, "ROS", "In phase 3", states),
} as const;

/** Flit error injection (PCI Express 6.0, section 7.8.13). Its capability register holds nothing yet. */
export const flitErrorInjection = capability({
  id: 0x0034,
  title: "Flit Error Injection",
  length: 0x24,
  registers: {
    control1: register(0x08, 32, `${section}.3`, "Flit Error Injection Control 1", {
      enable: flag(0, "RW", "Injects errors"),
      transmitted: flag(1, "RW", "Into transmitted flits"),
      received: flag(2, "RW", "Into received flits"),
      speed2_5: flag(3, "RW", "At 2.5 GT/s"),
      speed5: flag(4, "RW", "At 5 GT/s"),
      speed8: flag(5, "RW", "At 8 GT/s"),
      speed16: flag(6, "RW", "At 16 GT/s"),
      speed32: flag(7, "RW", "At 32 GT/s"),
      speed64: flag(8, "RW", "At 64 GT/s"),
      errors: bits(20, 16, "RW", "Errors to inject; 0 for no end"),
      spacing: bits(28, 21, "RW", "Flits between them; 0 for random"),
      flitType: bits(31, 29, "RW", "Flits to inject into", [
        "any",
        "any that is not IDLE",
        "payload",
        "NOP",
        "IDLE",
        "payload, and its replays",
        "payload, and one replayed",
      ]),
    }),
    control2: register(0x0c, 32, `${section}.4`, "Flit Error Injection Control 2", {
      consecutive: bits(2, 0, "RW", "Consecutive flits; 7 for 7 to 15 at random"),
      type: bits(4, 3, "RW", "Kind of error", [
        "random",
        "correctable, in one group",
        "correctable, in all groups",
        "uncorrectable",
      ]),
      offset: bits(11, 5, "RW", "Error offset within the flit"),
      magnitude: bits(19, 12, "RW", "Error magnitude; 0 for random"),
    }),
    status: register(
      0x10,
      32,
      `${section}.5`,
      "Flit Error Injection Status",
      {
        transmitted: bits(1, 0, "RO", "Transmitted flits", states),
        received: bits(3, 2, "RO", "Received flits", states),
      },
      { reserved: "RsvdZ" },
    ),
    orderedSetControl1: register(0x14, 32, `${section}.6`, "Ordered Set Error Injection Control 1", {
      enable: flag(0, "RWS", "Injects errors"),
      transmitted: flag(1, "RWS", "Into transmitted ordered sets"),
      received: flag(2, "RWS", "Into received ordered sets"),
      errors: bits(7, 3, "RWS", "Errors to inject; 0 for no end"),
      spacing: bits(15, 8, "RWS", "Ordered sets between them; 0 for random"),
      ts0: flag(16, "RWS", "Into TS0"),
      ts1: flag(17, "RWS", "Into TS1"),
      ts2: flag(18, "RWS", "Into TS2"),
      skp: flag(19, "RWS", "Into SKP"),
      eieos: flag(20, "RWS", "Into EIEOS"),
      eios: flag(21, "RWS", "Into EIOS"),
      sds: flag(22, "RWS", "Into SDS"),
      polling: flag(23, "RWS", "In polling"),
      configuration: flag(24, "RWS", "In configuration"),
      l0: flag(25, "RWS", "In L0"),
      recovery: flag(26, "RWS", "In recovery without equalization"),
      phase01: flag(27, "RWS", "In phase 0 and 1 of equalization"),
      phase2: flag(28, "RWS", "In phase 2"),
      phase3: flag(29, "RWS", "In phase 3"),
    }),
    orderedSetControl2: register(0x18, 32, `${section}.7`, "Ordered Set Error Injection Control 2", {
      bytes: bits(15, 0, "RWS", "Bytes to inject into, a bit for each; 0 for a random one"),
      lanes: bits(31, 16, "RWS", "Lanes to inject into, a bit for each"),
    }),
    orderedSetTransmitted: register(
      0x1c,
      32,
      `${section}.8`,
      "Ordered Set Tx Error Injection Status",
      orderedSets,
      { reserved: "RsvdZ" },
    ),
    orderedSetReceived: register(
      0x20,
      32,
      `${section}.9`,
      "Ordered Set Rx Error Injection Status",
      orderedSets,
      { reserved: "RsvdZ" },
    ),
  },
});
