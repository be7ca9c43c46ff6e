import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { openDevice, vfioUser } from "userpci";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { growth, type Sample } from "./growth.ts";
import { attacks } from "./hostile/attack.ts";
import { DOORBELL } from "./hostile/probe.ts";
import type { ServedReport } from "./hostile/served.ts";
import { isFull } from "./rounds.ts";

/** Ten minutes in full. */
const CAMPAIGN_MS = isFull() ? 600_000 : 1500;
const SAMPLES = 24;
/** In seconds the engine's own memory has not found its size. */
const UNSETTLED = { rss: Number.POSITIVE_INFINITY, external: Number.POSITIVE_INFINITY };
const SERVED = fileURLToPath(new URL("../dist/soak/hostile/served.js", import.meta.url));

let folder: string;
let path: string;
let server: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "userpci-hostile-"));
  path = join(folder, "probe.sock");
  server = fork(SERVED, [path], { execArgv: ["--expose-gc"] });
  await once(server, "message");
});

afterAll(async () => {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
});

/** What the server holds when all clients have left. */
async function settled(): Promise<ServedReport> {
  for (;;) {
    server.send("report");
    const [report] = (await once(server, "message")) as [ServedReport];
    if (report.clients === 0) return report;
    await setTimeout(20);
  }
}

/** Whether somebody who behaves is served. */
async function behave(): Promise<void> {
  await using backend = vfioUser(path);
  await using device = await openDevice(path, { backend });
  device.config.command.update({ memory: true, busMaster: true });
  expect(device.config.vendorId).toBe(0x1234);
  using registers = device.bar(1).map();
  registers.write32(4096, 0x1234_5678);
  expect(registers.read32(4096)).toBe(0x1234_5678);
  expect(device.bar(0).region().read32(DOORBELL)).toBe(DOORBELL);
}

it(
  "a server survives hostile clients, holds nothing of them, and no model sees an access that is none",
  async () => {
    const seed = isFull() ? Date.now() >>> 0 : 1;
    const random = new Random(seed);
    const names = Object.keys(attacks);
    const samples: Sample[] = [];
    const began = performance.now();
    let done = 0;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const until = began + (CAMPAIGN_MS * (sample + 1)) / SAMPLES;
      while (performance.now() < until || done < names.length) {
        // Each way in turn at first, so that a short campaign has all of them.
        const name = done < names.length ? names[done]! : random.pick(names);
        await attacks[name]!(path, random);
        done += 1;
        expect(
          server.exitCode,
          `the server ended after ${done} attacks (seed ${seed}), the last: ${name}`,
        ).toBeNull();
      }
      await behave();
      const { rss, external, descriptors, mappings, violations, faults } = await settled();
      expect({ violations, faults }, `seed ${seed}`).toEqual({ violations: [], faults: [] });
      samples.push({ done, ms: performance.now() - began, rss, external, descriptors, mappings, pinned: 0 });
    }
    console.log(`hostile clients: ${done} attacks in ${(CAMPAIGN_MS / 1000).toFixed(0)} s, seed ${seed}`);
    expect(growth(samples, isFull() ? undefined : UNSETTLED), `seed ${seed}`).toEqual([]);
  },
  CAMPAIGN_MS + 120_000,
);

it("an end at each byte of a session leaves a server that serves the next", async () => {
  const random = new Random(7);
  for (let i = 0; i < 300; i++) await attacks["an end at any byte"]!(path, random);
  await behave();
  expect((await settled()).violations).toEqual([]);
});

it("thousands of connections come and go", async () => {
  const before = await settled();
  for (let i = 0; i < 30; i++) await attacks["many connections at once"]!(path, new Random(i));
  await behave();
  const after = await settled();
  expect(after.descriptors).toBe(before.descriptors);
  expect(after.connected - before.connected).toBeGreaterThan(1000);
}, 60_000);
