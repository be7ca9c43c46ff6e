import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { DMA_BITS, deviceBuffer, dmaCommand, Edu } from "@userpci/edu";
import { type DmaPool, type DmaRing, openDevice, type PciDevice, scatter } from "userpci";
import { holdings } from "./harness/process.ts";
import { guestSuite } from "./harness/suite.ts";
import type { WriterMessage, WriterOrder } from "./lifecycle/element-writer.ts";
import { at, USER } from "./machines.ts";

const BUFFER = BigInt(deviceBuffer.ADDRESS);

/** An edu, and DMA between its buffer and any address. */
async function attach(): Promise<{
  device: PciDevice;
  into(iova: bigint, size: number, offset?: number): Promise<void>;
  out(iova: bigint, size: number, offset?: number): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const device = await openDevice(at.edu, { dmaBits: DMA_BITS });
  const edu = Edu.attach(device);
  return {
    device,
    into: (iova, size, offset = 0) => edu.copy(iova, BUFFER + BigInt(offset), size, 0),
    out: (iova, size, offset = 0) => edu.copy(BUFFER + BigInt(offset), iova, size, dmaCommand.FROM_DEVICE),
    [Symbol.asyncDispose]: () => device.close(),
  };
}

/** An address as a driver writes it into a descriptor. */
function halves(elements: DmaPool | DmaRing, index: number): bigint {
  return (BigInt(elements.iovaHi(index)) << 32n) | BigInt(elements.iovaLo(index));
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  tests: {
    "the device reads and writes elements of a pool, and nothing beside them": async () => {
      const before = holdings();
      {
        await using opened = await attach();
        // Three lie in a page, with room to spare.
        const pool = await opened.device.dma.pool({ elementSize: 1000, count: 7 });
        const taken = Array.from({ length: 7 }, () => pool.get());
        for (const index of taken) pool.element(index).set(randomBytes(1000));
        const expected = pool.bytes.slice();
        for (const [from, to] of [
          [0, 4],
          [6, 2],
        ] as const) {
          await opened.into(halves(pool, taken[from]!), 1000);
          await opened.out(halves(pool, taken[to]!), 1000);
          expected.copyWithin(
            pool.offset(taken[to]!),
            pool.offset(taken[from]!),
            pool.offset(taken[from]!) + 1000,
          );
        }
        assert.deepEqual(pool.bytes, expected);
        pool.put(taken[4]!);
        assert.equal(pool.get(), taken[4]);
        assert.ok(
          pool.element(taken[4]!).every((byte) => byte === 0),
          "what the device wrote is gone",
        );
      }
      assert.deepEqual(holdings(), before);
    },

    "the device fills a ring over its end, slot by slot": async () => {
      await using opened = await attach();
      const sent = await opened.device.dma.alloc(4096);
      sent.bytes.set(randomBytes(4096));
      await opened.into(sent.iova, 4096);
      await using ring = await opened.device.dma.ring({
        elementSize: 64,
        count: 4,
        direction: "from-device",
      });
      for (let item = 0; item < 6; ) {
        for (; !ring.full && item < 6; item++) {
          await opened.out(halves(ring, ring.tail), 64, item * 64);
          ring.produce();
        }
        for (; !ring.empty; ring.consume()) {
          const start = ring.consumed * 64;
          assert.deepEqual(ring.element(ring.head), sent.bytes.subarray(start, start + 64));
        }
      }
      assert.deepEqual([ring.produced, ring.consumed, ring.tail], [6, 6, 2]);
    },

    "the device gathers a range in the segments that it was cut into": async () => {
      await using opened = await attach();
      const buffer = await opened.device.dma.alloc(3 * 4096);
      buffer.bytes.set(randomBytes(buffer.size));
      const segments = scatter(
        [
          { source: buffer, offset: 4000, size: 300 },
          { source: buffer, offset: 4300, size: 100 },
        ],
        { boundary: 4096, maxSegmentSize: 200 },
      );
      assert.deepEqual(
        segments.map(({ size }) => size),
        [96, 200, 104],
      );
      let offset = 0;
      for (const { iova, size } of segments) {
        await opened.into(iova, size, offset);
        offset += size;
      }
      await opened.out(buffer.iova, 400);
      assert.deepEqual(buffer.bytes.subarray(0, 400), buffer.bytes.subarray(4000, 4400));
    },

    "what a worker writes into an element of its own is what the device reads, until the device is closed":
      async () => {
        const before = holdings();
        const opened = await attach();
        const pool = await opened.device.dma.pool({ elementSize: 256, count: 3, label: "shared" });
        const own = pool.get();
        const order: WriterOrder = { pool: pool.share(), byte: 0x5a };
        const worker = new Worker(new URL("./lifecycle/element-writer.js", import.meta.url), {
          workerData: order,
        });
        const [taken] = (await once(worker, "message")) as [WriterMessage & { index: number }];
        assert.notEqual(taken.index, own);
        assert.deepEqual(taken, { index: taken.index, iova: pool.iova(taken.index) });
        await opened.into(pool.iova(taken.index), 256);
        await opened.out(pool.iova(own), 256);
        assert.ok(pool.element(own).every((byte) => byte === 0x5a));
        pool.put(own);
        const last = once(worker, "message");
        await opened.device.close();
        assert.deepEqual(await last, [{ code: "ERR_CLOSED" }]);
        await worker.terminate();
        assert.deepEqual(holdings(), before);
      },
  },
});
