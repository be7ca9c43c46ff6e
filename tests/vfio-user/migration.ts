import { expect } from "vitest";
import { CClient } from "./c-client.ts";
import { enable } from "./golden/registers.ts";
import { Player, type Step } from "./scenario.ts";

/** States of a device (`enum vfio_device_mig_state`, linux/vfio.h). */
const state = { STOP: 1, RUNNING: 2, STOP_COPY: 3, RESUMING: 4 } as const;

/** Bytes of one piece of state. */
const PIECE = 4096;

const u32 = (value: number): string => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString("hex");
};

/** Has the device enter a state. */
export const enter = (next: keyof typeof state): Step => ({
  call: "DEVICE_FEATURE",
  //       argsz    SET, MIG_DEVICE_STATE
  body: `10000000 02000200 ${u32(state[next])} ffffffff`,
  reply: `10000000 02000200 ${u32(state[next])} ffffffff`,
});

const scratch = (value: string): Step => ({
  call: "REGION_READ",
  body: "0400000000000000 00000000 04000000",
  reply: `0400000000000000 00000000 04000000 ${value}`,
});

const map: Step = {
  call: "DMA_MAP",
  body: "20000000 03000000 0000000000000000 0000100000000000 0010000000000000",
};

const connectVector: readonly Step[] = [
  { counter: "done" },
  { call: "DEVICE_SET_IRQS", body: "14000000 24000000 02000000 00000000 01000000", fds: ["done"] },
];

/** The state of a stopped device, piece by piece, in hexadecimal. */
export async function saved(player: Player): Promise<string> {
  let state = "";
  for (;;) {
    const { body } = await player.call("MIG_DATA_READ", u32(8 + PIECE) + u32(PIECE));
    const bytes = Buffer.from(body, "hex");
    const size = bytes.readUInt32LE(4);
    expect(size).toBeLessThanOrEqual(PIECE);
    expect(bytes.length).toBeGreaterThanOrEqual(8 + size);
    if (size === 0) return state;
    state += bytes.subarray(8, 8 + size).toString("hex");
  }
}

/** Gives it to a device that resumes. */
export async function load(player: Player, state: string): Promise<void> {
  for (let at = 0; at < state.length; at += 2 * PIECE) {
    const piece = state.slice(at, at + 2 * PIECE);
    const size = piece.length / 2;
    const { body } = await player.call("MIG_DATA_WRITE", u32(8 + size) + u32(size) + piece);
    expect(body).toBe("");
  }
}

/**
 * Moves a device from one server to another while its DMA waits for the first's client: the second's finishes it.
 *
 * @param from path of a server's socket
 * @param to of another, which may have any device of the same kind
 */
export async function checkMigration(from: string, to: string): Promise<void> {
  await using source = new CClient(from);
  const left = new Player(source);
  await left.greet();
  const steps: Step[] = [
    enable,
    ...connectVector,
    map,
    {
      call: "REGION_WRITE",
      body: "0400000000000000 00000000 04000000 0df0adba",
      reply: "0400000000000000 00000000 04000000",
    },
    {
      call: "REGION_WRITE",
      body: "0000000000000000 02000000 08000000 c1c2c3c4c5c6c7c8",
      reply: "0000000000000000 02000000 08000000",
    },
    // Writes 8 bytes to memory, then signals vector 0.
    {
      call: "REGION_WRITE",
      body: "2000000000000000 00000000 10000000 0000100000000000 08000000 02010000",
      reply: "2000000000000000 00000000 10000000",
    },
    enter("STOP_COPY"),
  ];
  for (const step of steps) await left.step(step);
  const state = await saved(left);
  await left.step(enter("STOP"));
  await using target = new CClient(to);
  const right = new Player(target);
  await right.greet();
  for (const step of [enable, scratch("00000000"), map, ...connectVector]) await right.step(step);
  await right.step(enter("RESUMING"));
  await load(right, state);
  const rest: Step[] = [
    enter("RUNNING"),
    {
      asked: "DMA_WRITE",
      body: "0000100000000000 0800000000000000 c1c2c3c4c5c6c7c8",
      answer: "0000100000000000 0800000000000000",
    },
    { count: "done", is: 1 },
    scratch("0df0adba"),
    {
      call: "REGION_READ",
      body: "3000000000000000 00000000 04000000",
      reply: "3000000000000000 00000000 04000000 00000000",
    },
  ];
  for (const step of rest) await right.step(step);
}
