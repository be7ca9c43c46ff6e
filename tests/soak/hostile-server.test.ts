import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isPciError, openDevice, openDeviceSync, type PciDevice, vfioUser } from "userpci";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { oddAnswers } from "./hostile/answers.ts";
import { isFull } from "./rounds.ts";

/** Ten minutes in full. */
const CAMPAIGN_MS = isFull() ? 600_000 : 1500;
const FEWEST = 30;
const TIMEOUT_MS = 60;
/** What may come on top of the time-out on a busy machine: a call waits once, and closing asks a few times. */
const SLACK_MS = 10_000;
const ROGUE = fileURLToPath(new URL("../dist/soak/hostile/rogue.js", import.meta.url));

let folder: string;
let path: string;
let server: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "userpci-hostile-"));
  path = join(folder, "rogue.sock");
  server = fork(ROGUE, [path]);
  await once(server, "message");
});

afterAll(() => {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
});

type Use = (device: PciDevice) => unknown;

/** What a driver does. */
const uses: readonly Use[] = [
  (device) => device.config.vendorId,
  (device) => device.config.command.update({ memory: true, busMaster: true }),
  (device) => device.bar(0).region().read32(8),
  (device) => device.bar(0).region().write32(8, 1),
  (device) => device.bar(1).map().read32(0),
  (device) => device.rom().readInto?.(0, new Uint8Array(4096)),
  (device) => device.irqs.enable("msix", { count: 2 }),
  (device) => device.irqs.info("intx"),
  (device) => device.dma.alloc(8192),
  (device) => device.reset(),
  (device) => device.resetSync(),
  (device) => device.feature("get", 1, new Uint8Array(16)),
  (device) => device.relax(),
];

/** Each call throws a PciError or does not throw, within its time. */
async function call(what: string, use: () => unknown): Promise<void> {
  const began = performance.now();
  try {
    await use();
  } catch (error) {
    if (!isPciError(error)) throw new Error(`${what} threw ${String(error)}`, { cause: error });
  }
  const took = performance.now() - began;
  expect(took, `${what} took ${took} ms`).toBeLessThan(TIMEOUT_MS + SLACK_MS);
}

/** Opens a device of a server that has lost its mind, and drives what of it there is. */
async function drive(random: Random): Promise<void> {
  const backend = vfioUser(path, { timeoutMs: TIMEOUT_MS, postedWrites: random.pick(["never", "always"]) });
  let device: PciDevice | undefined;
  await call("open", async () => {
    device = random.once(2) ? await openDevice(path, { backend }) : openDeviceSync(path, { backend });
  });
  const opened = device;
  if (opened !== undefined) {
    for (let i = random.number(8); i >= 0; i--) {
      const use = random.pick(uses);
      await call(use.toString(), () => use(opened));
    }
    await call("close", () => opened.close());
  }
  await call("closing the backend", () => backend.close());
}

it(
  "a client of a hostile server has errors of ours only, in time, and holds nothing afterwards",
  async () => {
    const seed = isFull() ? Date.now() >>> 0 : 1;
    const random = new Random(seed);
    const began = performance.now();
    const until = began + CAMPAIGN_MS;
    let done = 0;
    let held = 0;
    while (performance.now() < until || done < FEWEST) {
      server.send(oddAnswers(random));
      await once(server, "message");
      await drive(random).catch((error: unknown) => {
        throw new Error(`connection ${done}, seed ${seed}`, { cause: error });
      });
      done += 1;
      // What is there after some is there for good: the addon, the event loop.
      if (done === FEWEST / 2) held = readdirSync("/proc/self/fd").length;
    }
    console.log(
      `hostile server: ${done} connections in ${((performance.now() - began) / 1000).toFixed(0)} s, seed ${seed}`,
    );
    expect(readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(held);
  },
  CAMPAIGN_MS + 120_000,
);
