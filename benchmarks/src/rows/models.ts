import { emulated } from "@userpci/device-model";
import { Nic } from "@userpci/nic";
import { nicPair } from "@userpci/nic/model";
import { openDevice } from "userpci";
import type { Bench } from "../bench.ts";
import { quickest } from "../timing.ts";
import { sink } from "./registers.ts";

const BURST = 32;
const SLICES = 200;

/** Frames from one driver to the other through two models in this process: send, two rings, receive. */
export async function modelRows(bench: Bench): Promise<void> {
  const sizes = [64, 1514].filter((size) => bench.wants(rowOf(size)));
  if (sizes.length === 0) return;
  const [nic0, nic1] = nicPair();
  const backend = emulated({ nic0, nic1 });
  await using one = await openDevice("nic0", { backend });
  await using two = await openDevice("nic1", { backend });
  using sender = Nic.attach(one);
  using receiver = Nic.attach(two);
  for (const size of sizes) {
    const frame = new Uint8Array(size).fill(0xff);
    const work = (): void => {
      for (let i = 0; i < BURST; i++) sender.queue(frame);
      sender.flush();
      let left = BURST;
      while (left > 0) left -= receiver.poll(take);
    };
    const reference = { name: "its three copies", round: () => copies(frame) };
    await bench.row({ name: rowOf(size), typescript: () => quickest(work, BURST, SLICES), reference });
  }
}

const rowOf = (size: number): string => `NIC pair in process, frame of ${size} bytes, ${BURST} at a time`;

const take = (buffer: Uint8Array, length: number): void => {
  sink.number = buffer[length - 1]!;
};

/** What has to be done at least: into the sender's ring, from there into the receiver's, and out of it. */
function copies(frame: Uint8Array): number {
  const [a, b, c] = [0, 1, 2].map(() => new Uint8Array(BURST * frame.length)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const work = (): void => {
    for (let i = 0; i < BURST; i++) {
      const at = i * frame.length;
      a.set(frame, at);
      b.set(a.subarray(at, at + frame.length), at);
      c.set(b.subarray(at, at + frame.length), at);
    }
    sink.number = c[0]!;
  };
  return quickest(work, BURST, SLICES);
}
