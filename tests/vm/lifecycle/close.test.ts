import { strict as assert } from "node:assert";
import { pbkdf2 } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import {
  type BackendDevice,
  type DmaMapping,
  isPciError,
  type OwnedRegion,
  regionIndex,
} from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at, USER } from "../machines.ts";

const MIB = 2 ** 20;

/** What a transfer of edu takes. */
const DMA_MS = 100;

/** Keeps every thread of the pool busy, so that calls made meanwhile have to queue. Resolves when they are free again. */
function busyPool(): Promise<unknown> {
  const derive = promisify(pbkdf2);
  return Promise.all([1, 2, 3, 4].map(() => derive("password", "salt", 3000, 64, "sha512")));
}

/** How often the event loop turned at least, in steps of 5 ms, until `work` was done. */
async function turnsDuring(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 5);
  await work;
  clearInterval(timer);
  return turns;
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  tests: {
    "opening and closing a device leave the event loop turning": async () => {
      await using backend = kernelBackend();
      let least = 0;
      // A machine that is held up meanwhile gets another try.
      for (let attempt = 0; attempt < 5 && least < 5; attempt++) {
        const opening = backend.open(at.nvme);
        // Both reset the function, which takes 100 ms.
        const turns = await turnsDuring(opening);
        const device = await opening;
        least = Math.min(turns, await turnsDuring(device.close()));
        assert.equal(device.closed, true);
      }
      assert.ok(least >= 5, `${least} turns`);
    },

    "everything that was open is gone after the backend closes": async () => {
      kernelBackend().closeSync();
      const before = holdings();
      const backend = kernelBackend();
      const device = await backend.open(at.nvme);
      const bar = startNvme(device);
      using memory = backend.memory.alloc(MIB);
      await device.domain.map(memory);
      const target = device.createIrqTarget();
      device.setIrqs("msix", 0, [target]);
      target.listen(() => undefined);
      assert.equal(holdings().pinned, MIB);
      await backend.close();
      await backend.close();
      expectCode("ERR_CLOSED", () => bar.read32(0));
      target.close();
      memory.close();
      assert.deepEqual(holdings(), before);
    },

    "a device closes in the middle of its DMA, and is quiet when it is opened again": async () => {
      using backend = kernelBackend();
      using memory = backend.memory.alloc(4096);
      const bytes = new Uint8Array(memory.buffer);
      // A machine that is held up for the 100 ms of edu's DMA closes it when that is done.
      for (let took = DMA_MS, attempt = 0; took > 0.8 * DMA_MS && attempt < 5; attempt++) {
        const device = backend.openSync(at.wideEdu);
        const bar = startEdu(device);
        const mapping = device.domain.mapSync(memory);
        bytes.fill(0x5a);
        const began = performance.now();
        startDma(bar, mapping.iova);
        device.closeSync();
        took = performance.now() - began;
        await setTimeout(150);
      }
      assert.ok(bytes.every((byte) => byte === 0x5a));
      using again = backend.openSync(at.wideEdu);
      const command = again.region(regionIndex.config).read16(4);
      assert.equal(command & 0b100, 0, "bus master is off");
    },

    "closing the backend waits for a mapping under way, of which nothing is left": async () => {
      const backend = kernelBackend();
      const device = backend.openSync(at.edu);
      const memory = backend.memory.alloc(32 * MIB);
      // The kernel may hold the close of the device back until it is made; it then ends with its domain.
      const mapping = device.domain.map(memory).catch((error: unknown) => error);
      await backend.close();
      const result = await mapping;
      if (isPciError(result)) assert.equal(result.code, "ERR_CLOSED");
      else assert.equal((result as DmaMapping).closed, true);
      memory.close();
      assert.equal(holdings().pinned, 0);
    },

    "what is under way when the backend is closed at once reaches nobody else's descriptor": async () => {
      const first = kernelBackend();
      const device = first.openSync(at.edu);
      const memory = first.memory.alloc(16 * MIB);
      const busy = busyPool();
      const mapping = expectRejection("ERR_CLOSED", () => device.domain.map(memory));
      const other = expectRejection("ERR_CLOSED", () => first.open(at.nvme));
      first.closeSync();
      // Descriptors that are free now get the numbers of those that were closed.
      using second = kernelBackend();
      using heir = second.openSync(at.wideEdu);
      await busy;
      await Promise.all([mapping, other]);
      assert.deepEqual([...heir.domain.mappings()], []);
      assert.equal(holdings().pinned, 0, "nothing was pinned in the container of the second");
      memory.close();
    },

    "a device that is closed while its reset waits for a thread is free soon after": async () => {
      const busy = busyPool();
      using backend = kernelBackend();
      const device = backend.openSync(at.nvme);
      const reset = device.reset();
      expectCode("ERR_BUSY", () => device.closeSync());
      const closed = device.close();
      using heir = backend.openSync(at.wideEdu);
      await busy;
      await Promise.all([reset.catch(() => undefined), closed]);
      assert.equal(heir.region(regionIndex.config).read16(0), 0x1234);
      using again = backend.openSync(at.nvme);
      assert.equal(again.region(regionIndex.config).read16(0), 0x1b36);
    },

    "a backend is not half closed while one of its devices is reset": async () => {
      const backend = kernelBackend();
      const device = await backend.open(at.nvme);
      const other = await backend.open(at.edu);
      const reset = device.reset();
      expectCode("ERR_BUSY", () => backend.closeSync());
      assert.deepEqual([device.closed, other.closed], [false, false]);
      await reset;
      assert.equal(other.region(regionIndex.config).read16(0), 0x1234);
      backend.closeSync();
      assert.deepEqual([device.closed, other.closed], [true, true]);
      await backend.close();
    },

    "two opens of one device at a time give one device": async () => {
      await using backend = kernelBackend();
      const [first, second] = await Promise.allSettled([backend.open(at.nvme), backend.open(at.nvme)]);
      assert.equal(first.status, "fulfilled");
      assert.equal(second.status, "rejected");
      await expectRejection("ERR_DEVICE_BUSY", async () => {
        throw (second as PromiseRejectedResult).reason;
      });
      assert.equal(first.value.region(regionIndex.config).read16(0), 0x1b36);
    },

    "two devices of a group open side by side": async () => {
      await using backend = kernelBackend();
      await using domain = backend.createDomain();
      const [first, second] = await Promise.all([
        backend.open(at.pairedEdu, { domain }),
        backend.open(at.pairedE1000, { domain }),
      ]);
      assert.equal(first.region(regionIndex.config).read16(0), 0x1234);
      assert.equal(second.region(regionIndex.config).read16(0), 0x8086);
      await Promise.all([first.close(), second.close()]);
    },

    "a device that somebody else holds is waited for without blocking": async () => {
      using holder = kernelBackend();
      const held = holder.openSync(at.edu);
      await using backend = kernelBackend();
      const refused = backend.open(at.edu);
      assert.ok((await turnsDuring(expectRejection("ERR_DEVICE_BUSY", () => refused))) >= 5);
      const waiting = backend.open(at.edu);
      await setTimeout(20);
      held.closeSync();
      holder.closeSync();
      assert.equal((await waiting).region(regionIndex.config).read16(0), 0x1234, "it was let go in time");
    },
  },
});

function startNvme(device: BackendDevice): OwnedRegion {
  device.region(regionIndex.config).write16(4, 0b110);
  return device.mapRegion(0);
}

function startDma(bar: OwnedRegion, iova: bigint): void {
  bar.write64(edu.DMA_SOURCE, BigInt(edu.BUFFER));
  bar.write64(edu.DMA_TARGET, iova);
  bar.write32(edu.DMA_COUNT, 4096);
  bar.write32(edu.DMA_COMMAND, 3);
}
