import type { Scenario } from "../scenario.ts";

/** What a client asks about the device, its regions and interrupts. */
export const deviceScenario: Scenario = {
  name: "the device, its regions and its interrupts are described",
  steps: [
    //                         argsz    flags    regions  irqs
    {
      call: "DEVICE_GET_INFO",
      body: "10000000 00000000 00000000 00000000",
      reply: "10000000 03000000 09000000 05000000",
    },
    // A client that has room for more, and one that has too little.
    {
      call: "DEVICE_GET_INFO",
      body: "20000000 00000000 00000000 00000000",
      reply: "10000000 03000000 09000000 05000000",
    },
    { call: "DEVICE_GET_INFO", body: "0f000000 00000000 00000000 00000000", error: 22 },
    { call: "DEVICE_GET_INFO", body: "10000000 00000000", error: 22 },
    {
      call: "DEVICE_GET_REGION_INFO",
      //     argsz    flags    index    cap      size             offset
      body: "20000000 00000000 00000000 00000000 0000000000000000 0000000000000000",
      reply: "20000000 03000000 00000000 00000000 0010000000000000 0000000000000000",
    },
    {
      // It has capabilities, for which there is no room: how much it takes, and no descriptor.
      call: "DEVICE_GET_REGION_INFO",
      body: "20000000 00000000 02000000 00000000 0000000000000000 0000000000000000",
      reply: "50000000 07000000 02000000 00000000 0040000000000000 0000000000000000",
    },
    {
      call: "DEVICE_GET_REGION_INFO",
      body: "50000000 00000000 02000000 00000000 0000000000000000 0000000000000000",
      reply: `50000000 0f000000 02000000 20000000 0040000000000000 0000000000000000
              0100 0100 00000000 02000000 00000000
              0010000000000000 0010000000000000
              0030000000000000 0010000000000000`,
      brings: 1,
    },
    {
      // A region that is not there.
      call: "DEVICE_GET_REGION_INFO",
      body: "20000000 00000000 01000000 00000000 0000000000000000 0000000000000000",
      reply: "20000000 00000000 01000000 00000000 0000000000000000 0000000000000000",
    },
    {
      call: "DEVICE_GET_REGION_INFO",
      body: "20000000 00000000 07000000 00000000 0000000000000000 0000000000000000",
      reply: "20000000 03000000 07000000 00000000 0001000000000000 0000000000000000",
    },
    {
      call: "DEVICE_GET_REGION_INFO",
      body: "20000000 00000000 ffffff7f 00000000 0000000000000000 0000000000000000",
      error: 22,
    },
    //                                argsz    flags    index    count
    {
      call: "DEVICE_GET_REGION_IO_FDS",
      body: "10000000 00000000 00000000 00000000",
      reply: "10000000 00000000 00000000 00000000",
    },
    { call: "DEVICE_GET_REGION_IO_FDS", body: "10000000 00000000 09000000 00000000", error: 22 },
    //                            argsz    flags    index    count
    {
      call: "DEVICE_GET_IRQ_INFO",
      body: "10000000 00000000 00000000 00000000",
      reply: "10000000 07000000 00000000 01000000",
    },
    {
      call: "DEVICE_GET_IRQ_INFO",
      body: "10000000 00000000 02000000 00000000",
      reply: "10000000 01000000 02000000 04000000",
    },
    {
      call: "DEVICE_GET_IRQ_INFO",
      body: "10000000 00000000 04000000 00000000",
      reply: "10000000 09000000 04000000 01000000",
    },
    { call: "DEVICE_GET_IRQ_INFO", body: "10000000 00000000 05000000 00000000", error: 22 },
    // No commands: one that has left the specification, and one that never was in it.
    { call: 14, body: "00", error: 95 },
    { call: 999, error: 95 },
  ],
};
