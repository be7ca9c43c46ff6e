import type { Scenario } from "../scenario.ts";
import { mapTwoPages, move, prepare } from "./dma.ts";

const TO_MEMORY = "02";

/** What the device offers, and what not. */
export const featureScenario: Scenario = {
  name: "features are probed, read and refused",
  steps: [
    //                       argsz    GET, MIGRATION    STOP_COPY
    { call: "DEVICE_FEATURE", body: "10000000 01000100", reply: "10000000 01000100 0100000000000000" },
    { call: "DEVICE_FEATURE", body: "08000000 01000500", reply: "08000000 01000500" },
    { call: "DEVICE_FEATURE", body: "08000000 02000700", reply: "08000000 02000700" },
    { call: "DEVICE_FEATURE", body: "10000000 02000100", reply: "10000000 02000100 02000000 ffffffff" },
    // One that it has not, one that cannot be set, neither read nor set, both, too small, no such flag.
    { call: "DEVICE_FEATURE", body: "08000000 05000500", error: 25 },
    { call: "DEVICE_FEATURE", body: "10000000 01000200 0100000000000000", error: 25 },
    { call: "DEVICE_FEATURE", body: "10000000 01000000", error: 22 },
    { call: "DEVICE_FEATURE", body: "10000000 02000300 02000000 ffffffff", error: 22 },
    { call: "DEVICE_FEATURE", body: "07000000 01000100", error: 22 },
    { call: "DEVICE_FEATURE", body: "10000000 01000900", error: 22 },
    // No state is there to be read or written while it runs.
    { call: "MIG_DATA_READ", body: "18000000 10000000", error: 22 },
    { call: "MIG_DATA_WRITE", body: "0c000000 04000000 00000000", error: 22 },
  ],
};

/** Which pages the device has written. */
export const dirtyScenario: Scenario = {
  name: "written pages are logged, reported once, and no more after the end",
  steps: [
    ...prepare,
    ...mapTwoPages,
    //                                                   address          size             page
    {
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000",
      error: 22,
    },
    ...move(TO_MEMORY, 0x10_0000n, "08"),
    { count: "done", is: 1 },
    {
      call: "DEVICE_FEATURE",
      //     argsz    SET, LOG_START page           count    0        address          size
      body: "28000000 06000200 0010000000000000 01000000 00000000 0000100000000000 0020000000000000",
      reply: "28000000 06000200 0010000000000000 01000000 00000000 0000100000000000 0020000000000000",
    },
    {
      // What was before does not count.
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000",
      reply: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000 0000000000000000",
    },
    ...move(TO_MEMORY, 0x10_1000n, "08"),
    { count: "done", is: 1 },
    {
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000",
      reply: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000 0200000000000000",
    },
    {
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000",
      reply: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000 0000000000000000",
    },
    // Both pages at once.
    ...move(TO_MEMORY, 0x10_0ffcn, "08"),
    { count: "done", is: 1 },
    {
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000",
      reply: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000 0300000000000000",
    },
    // Pages of no size.
    {
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0000000000000000",
      error: 22,
    },
    { call: "DEVICE_FEATURE", body: "08000000 07000200", reply: "08000000 07000200" },
    {
      call: "DEVICE_FEATURE",
      body: "28000000 08000100 0000100000000000 0020000000000000 0010000000000000",
      error: 22,
    },
    {
      call: "DEVICE_FEATURE",
      body: "28000000 06000200 0010000000000000 02000000 00000000 0000100000000000 0020000000000000",
      error: 22,
    },
    {
      call: "DEVICE_FEATURE",
      body: "28000000 06000200 0300000000000000 01000000 00000000 0000100000000000 0020000000000000",
      error: 22,
    },
  ],
};
