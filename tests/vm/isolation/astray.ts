/**
 * Run in the guest: has the wide edu write where nothing is mapped, again for each line of input that says `again`, and
 * explains each other line, an address: `node astray.js WHERE`. Answers in JSON.
 */
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { toIova } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu, transfer } from "../harness/edu-registers.ts";
import { at } from "../machines.ts";

const PAGE = 4096;
const SIZE = 256;
/** Far from every mapping. */
const NOWHERE = 0x7000_0000n;

using backend = kernelBackend();
const domain = backend.createDomain();
using device = backend.openSync(at.wideEdu, { domain });
const bar = startEdu(device);
const rx = domain.mapSync(backend.memory.alloc(PAGE), { label: "rx ring", owner: at.wideEdu });
const tx = domain.mapSync(backend.memory.alloc(PAGE), {
  label: "tx ring",
  owner: at.wideEdu,
  iova: toIova(rx.iova + BigInt(16 * PAGE)),
});

/** What a driver may do wrong: where the device then writes. */
const targets = {
  /** Into a buffer that was freed a moment ago. */
  freed: async () => {
    rx.unmapSync();
    await setTimeout(20);
    return rx.iova;
  },
  never: async () => NOWHERE,
  /** Half of it into the buffer, half behind it. */
  overrun: async () => tx.iova + BigInt(PAGE - SIZE / 2),
} as const satisfies Record<string, () => Promise<bigint>>;

/** A way to go astray. */
export type Astray = keyof typeof targets;

/** What is told of an address, with its numbers in decimal. */
export interface Explained {
  readonly state: string;
  readonly message: string;
  readonly mapping?: { readonly label: string; readonly owner: string; readonly unmappedMsAgo?: number };
  readonly below?: { readonly label: string; readonly distance: number };
}

const target = await targets[process.argv[2] as Astray]();
const say = (value: unknown): void =>
  console.log(JSON.stringify(value, (_key, it) => (typeof it === "bigint" ? String(it) : it)));

say(target);
for await (const line of createInterface(process.stdin)) {
  if (line === "again") {
    await transfer(bar, BigInt(edu.BUFFER), target, SIZE, 3);
    say("done");
  } else say(domain.explain(BigInt(line)));
}
device.closeSync();
domain.closeSync();
