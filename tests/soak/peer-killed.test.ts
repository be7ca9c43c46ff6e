import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isPciError, openDevice, type PciDevice, vfioUser } from "userpci";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Random } from "../vm/harness/random.ts";
import { DOORBELL } from "./hostile/probe.ts";
import type { ServedReport } from "./hostile/served.ts";
import { isFull } from "./rounds.ts";

const ROUNDS = isFull() ? 300 : 5;
const programOf = (name: string): string =>
  fileURLToPath(new URL(`../dist/soak/hostile/${name}.js`, import.meta.url));

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-killed-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A program that has said its first word. */
async function started(name: string, path: string): Promise<ChildProcess> {
  const child = fork(programOf(name), [path], { stdio: ["ignore", "inherit", "ignore", "ipc"] });
  await once(child, "message");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  await once(child, "close");
}

/** What this process holds of memory for DMA, and of descriptors. */
function held(): { memories: number; descriptors: number } {
  const memories = readFileSync("/proc/self/maps", "utf8").match(/memfd:/g)?.length ?? 0;
  return { memories, descriptors: readdirSync("/proc/self/fd").length };
}

/** Drives a device until its server is gone. */
async function driveUntilGone(device: PciDevice): Promise<void> {
  device.config.command.update({ memory: true, busMaster: true });
  const irqs = device.irqs.enable("msix", { count: 8 });
  await using seen = await device.dma.alloc(4096);
  expect(held().memories, `of ${seen.size} bytes`).toBeGreaterThan(0);
  for (;;) {
    const buffer = await device.dma.alloc(64 * 1024);
    device.bar(0).region().write32(DOORBELL, Number(buffer.iova));
    await irqs.at(Number(buffer.iova % 8n)).wait({ timeoutMs: 50 });
    device.bar(1).map().read32(4096);
    await buffer.close();
  }
}

it(
  "a server that is killed at any point leaves its client a clean error, and no memory",
  async () => {
    const random = new Random(3);
    let before: ReturnType<typeof held> | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const path = join(folder, `server-${round}.sock`);
      const server = await started("served", path);
      const backend = vfioUser(path, { timeoutMs: 30_000 });
      const device = await openDevice(path, { backend, dmaBits: 31 });
      const driven = driveUntilGone(device).catch((error: unknown) => error);
      await setTimeout(random.number(40));
      await kill(server);
      const error = await driven;
      // The second, once it was closed because its server is gone.
      const isClean = isPciError(error, "ERR_DEVICE_GONE") || isPciError(error, "ERR_CLOSED");
      expect(isClean, String(error)).toBe(true);
      await device.close();
      await backend.close();
      // The first round brings what stays: the addon, the event loop.
      if (round === 0) before = held();
      else expect(held()).toEqual(before);
    }
  },
  60_000 + ROUNDS * 2000,
);

it(
  "a client that is killed at any point leaves its server whole, without its memory, and ready for the next",
  async () => {
    const path = join(folder, "client.sock");
    const server = await started("served", path);
    const random = new Random(5);
    const report = async (): Promise<ServedReport> => {
      for (;;) {
        server.send("report");
        const [told] = (await once(server, "message")) as [ServedReport];
        if (told.clients === 0) return told;
        await setTimeout(10);
      }
    };
    let before: ServedReport | undefined;
    for (let round = 0; round < ROUNDS; round++) {
      const driver = await started("driver", path);
      await setTimeout(random.number(60));
      await kill(driver);
      const { mappings, descriptors, violations, faults } = await report();
      expect({ mappings, violations, faults }).toEqual({ mappings: 0, violations: [], faults: [] });
      before ??= await report();
      expect(descriptors).toBe(before.descriptors);
    }
    await kill(server);
  },
  60_000 + ROUNDS * 2000,
);
