import type { Scenario, Step } from "../scenario.ts";
import { enable } from "./registers.ts";

/** A 64-bit number as it is on the wire. */
const u64 = (value: bigint): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes.toString("hex");
};

const FROM_MEMORY = "01";
const TO_MEMORY = "02";

/** Has the device move `size` bytes (below 256) between memory and BAR 2, and interrupt by vector 0. */
export const move = (
  command: typeof FROM_MEMORY | typeof TO_MEMORY,
  address: bigint,
  size: string,
): Step[] => [
  {
    call: "REGION_WRITE",
    body: `2000000000000000 00000000 0c000000 ${u64(address)} ${size}000000`,
    reply: "2000000000000000 00000000 0c000000",
  },
  {
    call: "REGION_WRITE",
    body: `2c00000000000000 00000000 04000000 ${command}010000`,
    reply: "2c00000000000000 00000000 04000000",
  },
];

/** The interrupt has come, and the status is: 0 done, 2 faulted. */
const ended = (status: 0 | 2): Step[] => [{ count: "done", is: 1 }, readStatus(status)];

const readStatus = (status: number): Step => ({
  call: "REGION_READ",
  body: "3000000000000000 00000000 04000000",
  reply: `3000000000000000 00000000 04000000 0${status}000000`,
});

/** Bytes in BAR 2. */
const readMemory = (bytes: string): Step => ({
  call: "REGION_READ",
  body: "0000000000000000 02000000 08000000",
  reply: `0000000000000000 02000000 08000000 ${bytes}`,
});

const writeMemory = (bytes: string): Step => ({
  call: "REGION_WRITE",
  body: `0000000000000000 02000000 08000000 ${bytes}`,
  reply: "0000000000000000 02000000 08000000",
});

/** The device on, and its vector 0. */
export const prepare: readonly Step[] = [
  enable,
  { counter: "done" },
  { call: "DEVICE_SET_IRQS", body: "14000000 24000000 02000000 00000000 01000000", fds: ["done"] },
];

/** Memory at 0x100000, two pages, of a descriptor. */
export const mapTwoPages: readonly Step[] = [
  { memory: "m", size: 0x3000 },
  {
    call: "DMA_MAP",
    //     argsz    flags    offset           address          size
    body: "20000000 03000000 0010000000000000 0000100000000000 0020000000000000",
    fds: ["m"],
  },
];

const echoed = (body: string): Step => ({ call: "DMA_UNMAP", body, reply: body });

/** DMA in memory that came with a descriptor. */
export const mappedScenario: Scenario = {
  name: "DMA in memory by descriptors",
  steps: [
    ...prepare,
    ...mapTwoPages,
    { poke: "m", at: 0x1000, bytes: "0102030405060708" },
    ...move(FROM_MEMORY, 0x10_0000n, "08"),
    ...ended(0),
    readMemory("0102030405060708"),
    ...move(TO_MEMORY, 0x10_1ff8n, "08"),
    ...ended(0),
    { peek: "m", at: 0x2ff8, bytes: "0102030405060708" },
    // Beyond it, and nothing at all.
    ...move(FROM_MEMORY, 0x10_1ffcn, "08"),
    ...ended(2),
    ...move(FROM_MEMORY, 0n, "08"),
    ...ended(2),
    // Across, the same again, none, no such flags, two descriptors.
    {
      call: "DMA_MAP",
      body: "20000000 03000000 0000000000000000 0010100000000000 0020000000000000",
      error: 17,
    },
    {
      call: "DMA_MAP",
      body: "20000000 03000000 0000000000000000 0000200000000000 0000000000000000",
      error: 22,
    },
    {
      call: "DMA_MAP",
      body: "20000000 03000001 0000000000000000 0000200000000000 0010000000000000",
      error: 22,
    },
    {
      call: "DMA_MAP",
      body: "20000000 03000000 0000000000000000 0000200000000000 0010000000000000",
      fds: ["m", "m"],
      error: 22,
    },
    // Memory that the device may only read.
    {
      call: "DMA_MAP",
      body: "20000000 01000000 0000000000000000 0000200000000000 0010000000000000",
      fds: ["m"],
    },
    ...move(TO_MEMORY, 0x20_0000n, "08"),
    ...ended(2),
    ...move(FROM_MEMORY, 0x20_0000n, "08"),
    ...ended(0),
    //      argsz    flags    address          size
    echoed("18000000 00000000 0000200000000000 0010000000000000"),
    ...move(FROM_MEMORY, 0x20_0000n, "08"),
    ...ended(2),
    // Where there is nothing, and to the end of all addresses, as QEMU does.
    echoed("18000000 00000000 0000200000000000 0010000000000000"),
    echoed("18000000 00000000 0000f0fe00000000 00001001ffffffff"),
    // All of it.
    echoed("18000000 02000000 0000000000000000 0000000000000000"),
    ...move(FROM_MEMORY, 0x10_0000n, "08"),
    ...ended(2),
  ],
};

/** DMA in memory that only the client has, by messages on `socket`. */
function byMessages(name: string, socket: string, twin: boolean): Scenario {
  const asked = { on: socket } as const;
  return {
    name,
    twin,
    steps: [
      ...prepare,
      { call: "DMA_MAP", body: "20000000 03000000 0000000000000000 0000100000000000 0010000000000000" },
      ...move(FROM_MEMORY, 0x10_0ff8n, "08"),
      // It goes on serving while it waits.
      readStatus(1),
      {
        ...asked,
        asked: "DMA_READ",
        body: "f80f100000000000 0800000000000000",
        answer: "f80f100000000000 0800000000000000 a1a2a3a4a5a6a7a8",
      },
      ...ended(0),
      readMemory("a1a2a3a4a5a6a7a8"),
      writeMemory("b1b2b3b4b5b6b7b8"),
      ...move(TO_MEMORY, 0x10_0000n, "08"),
      readStatus(1),
      {
        ...asked,
        asked: "DMA_WRITE",
        body: "0000100000000000 0800000000000000 b1b2b3b4b5b6b7b8",
        answer: "0000100000000000 0800000000000000",
      },
      ...ended(0),
      // Refused by the client; and one of an address that it never mapped does not get so far.
      ...move(FROM_MEMORY, 0x10_0000n, "08"),
      { ...asked, asked: "DMA_READ", body: "0000100000000000 0800000000000000", error: 14 },
      ...ended(2),
      ...move(FROM_MEMORY, 0x10_1000n, "08"),
      ...ended(2),
    ],
  };
}

export const messageDmaScenario = byMessages("DMA by messages on the connection", "main", false);
export const twinScenario = byMessages("DMA by messages on a twin socket", "r0", true);
