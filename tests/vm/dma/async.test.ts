import { strict as assert } from "node:assert";
import type { Dma, DmaBuffer } from "@userpci/dma";
import { openDevice } from "userpci";
import { kernelBackend } from "../harness/backend.ts";
import { expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite, progress } from "../harness/suite.ts";
import { at, USER } from "../machines.ts";
import { withDma } from "./scene.ts";

const MIB = 2 ** 20;

/** What the event loop did while something was done. */
interface Turns {
  /** Milliseconds that it took. */
  readonly took: number;
  /** How often a timer of 1 ms fired meanwhile. */
  readonly fired: number;
  /** The longest time in which it did not, in milliseconds. */
  readonly longest: number;
}

/** Runs `work` with a timer beside it. */
async function watchTurns(work: () => unknown): Promise<Turns> {
  let fired = 0;
  let longest = 0;
  let last = performance.now();
  const start = last;
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(() => {
    look();
    fired += 1;
  }, 1);
  try {
    await work();
    look();
    return { took: performance.now() - start, fired, longest };
  } finally {
    clearInterval(timer);
  }
}

/** So many that freeing them takes longer than a busy machine keeps a thread waiting. */
const SIZE = 256 * MIB;

const show = ({ took, fired, longest }: Turns): string =>
  `${took.toFixed(1)} ms, the timer fired ${fired} times, at most ${longest.toFixed(1)} ms apart`;

/** Maps and frees a buffer on this thread, then beside it. */
async function compare(dma: Dma): Promise<{ readonly turns: string; readonly isFree: boolean }> {
  let buffer: DmaBuffer | undefined;
  const blocked = await watchTurns(() => {
    buffer = dma.allocSync(SIZE);
  });
  const blockedFreeing = await watchTurns(() => buffer?.closeSync());
  const pinned = holdings().pinned;
  const free = await watchTurns(async () => {
    buffer = await dma.alloc(SIZE);
  });
  assert.equal(holdings().pinned, pinned + SIZE);
  const freeing = await watchTurns(() => buffer?.close());
  return {
    turns: `allocSync ${show(blocked)}; alloc ${show(free)}; closeSync ${show(blockedFreeing)}; close ${show(freeing)}`,
    isFree:
      free.fired >= 5 &&
      free.longest < blocked.took / 2 &&
      freeing.fired >= 5 &&
      // Taking the page tables down, a third of it, stays on this thread.
      freeing.longest < blockedFreeing.took * 0.8,
  };
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  memlock: 1024 * MIB,
  tests: {
    [`mapping and unmapping ${SIZE / MIB} MiB leaves the event loop turning, which the calls on this thread do not`]:
      () =>
        withDma(async ({ dma }) => {
          using _first = dma.allocSync(4096);
          const told: string[] = [];
          // A busy machine keeps this thread waiting now and then; work that is done on it keeps it waiting every time.
          for (let round = 0; round < 5; round++) {
            const { turns, isFree } = await compare(dma);
            progress(`  ${SIZE / MIB} MiB: ${turns}`);
            if (isFree) return;
            told.push(turns);
          }
          assert.fail(told.join("\n"));
        }),

    "closing while 256 MiB are being mapped undoes the mapping": async () => {
      const before = holdings();
      await withDma(async ({ dma, device }) => {
        const alloc = expectRejection("ERR_CLOSED", () => dma.alloc(256 * MIB));
        await dma.close();
        await alloc;
        assert.equal(holdings().pinned, 0);
        assert.equal(device.domain.mappedBytes, 0);
      });
      await withDma(async ({ dma }) => {
        const alloc = expectRejection("ERR_CLOSED", () => dma.alloc(256 * MIB));
        dma.closeSync();
        await alloc;
        assert.equal(holdings().pinned, 0);
      });
      await withDma(async ({ dma, device }) => {
        const outcome = dma.alloc(256 * MIB).then(
          () => "mapped",
          ({ code }: { code: string }) => code,
        );
        await device.close();
        // The device may have closed its registers for longer than the mapping took.
        assert.ok(["mapped", "ERR_CLOSED"].includes(await outcome), await outcome);
        assert.equal(holdings().pinned, 0);
      });
      assert.deepEqual(holdings(), before);
    },

    "a device that is being closed hands out no more memory": async () => {
      const before = holdings();
      for (const size of [4096, 64 * MIB]) {
        await using backend = kernelBackend();
        const device = await openDevice(at.wideEdu, { backend });
        const underWay = expectRejection("ERR_CLOSED", () => device.dma.alloc(size));
        const closing = device.close();
        await expectRejection("ERR_CLOSED", () => device.dma.alloc(4096));
        await Promise.all([underWay, closing]);
        assert.equal(holdings().pinned, 0);
        const refused = await device.dma.alloc(4096).catch((error: Error) => error.message);
        assert.equal(refused, "the device's DMA memory is closed");
      }
      assert.deepEqual(holdings(), before);
    },

    "a domain of a backend keeps the guard that it was asked for": async () => {
      await using backend = kernelBackend();
      const domain = backend.createDomain({ guard: 8192, addressBits: 28 });
      await using device = await openDevice(at.wideEdu, { backend, domain });
      const [low, high] = [device.dma.allocSync(4096).iova, device.dma.allocSync(4096).iova].sort((a, b) =>
        Number(a - b),
      );
      assert.ok(high! - low! >= 4096 + 8192 && high! < 2 ** 28, `${low} ${high}`);
    },

    "a caller's bytes that are being mapped may be transferred and dropped meanwhile": async () => {
      const before = holdings();
      await withDma(async ({ dma }) => {
        const bytes = new Uint8Array(64 * MIB);
        const mapping = dma.map(bytes, { exposeNeighbours: true });
        structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
        const buffer = await mapping;
        assert.equal(buffer.size, 64 * MIB);
        assert.equal(holdings().pinned, buffer.pinnedBytes);
      });
      assert.deepEqual(holdings(), before);
    },
  },
});
