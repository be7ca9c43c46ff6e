import type { Scenario, Step } from "../scenario.ts";

/** Memory decode and bus mastering on, in the command register. */
export const enable: Step = {
  call: "REGION_WRITE",
  //     offset           region   count    data
  body: "0400000000000000 07000000 02000000 0600",
  reply: "0400000000000000 07000000 02000000",
};

/** Reads and writes of registers, configuration and memory, one and many, answered and not. */
export const registerScenario: Scenario = {
  name: "registers are read and written, one and many, answered and not",
  steps: [
    // Who it is; and BARs answer only while memory decode is on.
    {
      call: "REGION_READ",
      body: "0000000000000000 07000000 04000000",
      reply: "0000000000000000 07000000 04000000 3412017c",
    },
    {
      call: "REGION_WRITE",
      body: "0400000000000000 07000000 02000000 0000",
      reply: "0400000000000000 07000000 02000000",
    },
    { call: "REGION_READ", body: "0000000000000000 00000000 04000000", error: 5 },
    enable,
    {
      call: "REGION_READ",
      body: "0000000000000000 00000000 04000000",
      reply: "0000000000000000 00000000 04000000 0100017c",
    },
    {
      call: "REGION_WRITE",
      body: "0400000000000000 00000000 04000000 78563412",
      reply: "0400000000000000 00000000 04000000",
    },
    // Its second half, and its last byte.
    {
      call: "REGION_READ",
      body: "0600000000000000 00000000 02000000",
      reply: "0600000000000000 00000000 02000000 3412",
    },
    {
      call: "REGION_READ",
      body: "0700000000000000 00000000 01000000",
      reply: "0700000000000000 00000000 01000000 12",
    },
    {
      call: "REGION_WRITE",
      body: "0800000000000000 00000000 08000000 efcdab8967452301",
      reply: "0800000000000000 00000000 08000000",
    },
    {
      // 16 bytes from 0 on: identification, scratch, 64 bits.
      call: "REGION_READ",
      body: "0000000000000000 00000000 10000000",
      reply: "0000000000000000 00000000 10000000 0100017c78563412efcdab8967452301",
    },
    // Two that are not answered, and one that is: it comes last.
    { post: "REGION_WRITE", body: "0400000000000000 00000000 04000000 11111111" },
    { post: "REGION_WRITE", body: "0400000000000000 00000000 04000000 22222222" },
    {
      call: "REGION_READ",
      body: "0400000000000000 00000000 04000000",
      reply: "0400000000000000 00000000 04000000 22222222",
    },
    {
      call: "REGION_WRITE_MULTI",
      //     count            offset           region   count    data
      body: `0300000000000000 0400000000000000 00000000 04000000 3333333300000000
                              0810000000000000 02000000 08000000 0102030405060708
                              0210000000000000 02000000 02000000 aabb000000000000`,
      reply: "0300000000000000",
    },
    {
      post: "REGION_WRITE_MULTI",
      body: "0100000000000000 0a10000000000000 02000000 01000000 ff00000000000000",
    },
    {
      call: "REGION_READ",
      body: "0010000000000000 02000000 10000000",
      reply: "0010000000000000 02000000 10000000 0000aabb000000000102ff0405060708",
    },
    {
      call: "REGION_READ",
      body: "0400000000000000 00000000 04000000",
      reply: "0400000000000000 00000000 04000000 33333333",
    },
    { call: "DEVICE_RESET" },
    enable,
    {
      call: "REGION_READ",
      body: "0400000000000000 00000000 04000000",
      reply: "0400000000000000 00000000 04000000 00000000",
    },
  ],
};

/** What a server must refuse, after which it goes on serving. */
export const refusalScenario: Scenario = {
  name: "accesses that make no sense are refused, and the connection stays",
  steps: [
    enable,
    // Past the end, across it, at the end of all numbers; a region that is not there.
    { call: "REGION_READ", body: "0010000000000000 00000000 04000000", error: 22 },
    { call: "REGION_READ", body: "fe0f000000000000 00000000 04000000", error: 22 },
    { call: "REGION_READ", body: "fcffffffffffffff 00000000 08000000", error: 22 },
    { call: "REGION_READ", body: "0000000000000000 01000000 04000000", error: 22 },
    { call: "REGION_READ", body: "0000000000000000 09000000 04000000", error: 22 },
    { call: "REGION_WRITE", body: "0010000000000000 00000000 04000000 00000000", error: 22 },
    // More than a message may have.
    { call: "REGION_READ", body: "0000000000000000 00000000 01001000", error: 22 },
    // Not as much data as is said, more, and less than the structure has.
    { call: "REGION_WRITE", body: "0400000000000000 00000000 04000000 0000", error: 22 },
    { call: "REGION_WRITE", body: "0400000000000000 00000000 02000000 00000000", error: 22 },
    { call: "REGION_READ", body: "0400000000000000 00000000", error: 22 },
    // Ones that are said to be more than there are, more than an entry holds, and none inside.
    {
      call: "REGION_WRITE_MULTI",
      body: "0200000000000000 0400000000000000 00000000 04000000 3333333300000000",
      error: 22,
    },
    {
      call: "REGION_WRITE_MULTI",
      body: "0100000000000000 0400000000000000 00000000 09000000 3333333300000000",
      error: 22,
    },
    { call: "REGION_WRITE_MULTI", body: "ffffffffffffffff", error: 22 },
    // A second VERSION.
    { call: "VERSION", body: "0000 0000", error: 22 },
    {
      call: "REGION_READ",
      body: "0000000000000000 00000000 04000000",
      reply: "0000000000000000 00000000 04000000 0100017c",
    },
  ],
};
