import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { expectRejection } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { USER } from "../machines.ts";
import { SIZE, withDma } from "./scene.ts";

const MIB = 2 ** 20;
const HUGE = 2 * MIB;

const freePages = (): number =>
  Number(/^HugePages_Free:\s*(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))![1]);

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  tests: {
    "a buffer takes huge pages as long as there are some, then small ones, and tells which it has": () =>
      withDma(async ({ dma, copy }) => {
        const free = freePages();
        assert.ok(free >= 2, `${free} huge pages`);
        const options = { pageSize: HUGE, fallback: true };
        const [all, more] = [await dma.alloc(free * HUGE, options), await dma.alloc(HUGE, options)];
        assert.deepEqual([all.pageSize, all.size, freePages()], [HUGE, free * HUGE, 0]);
        assert.deepEqual([more.pageSize, more.size], [4096, HUGE]);
        for (const { bytes, iova, size } of [all, more]) {
          bytes.set(randomBytes(SIZE), size - 1024);
          await copy(iova + BigInt(size - 1024), iova + BigInt(size - 512));
          assert.deepEqual(
            bytes.slice(size - 512, size - 512 + SIZE),
            bytes.slice(size - 1024, size - 1024 + SIZE),
          );
        }
        const error = await expectRejection("ENOMEM", () => dma.alloc(3 * MIB, { pageSize: HUGE }));
        assert.match(error.message, /2 are needed, and 0 of 8 are free/);
        assert.match(error.hint!, /\+ 2\)\) > nr_hugepages/);
        await all.close();
        assert.equal(freePages(), free);
      }),

    "1 GiB pages give way to 2 MiB ones, and those to small ones": () =>
      withDma(async ({ dma }) => {
        const medium = await dma.alloc(3 * MIB, { pageSize: 2 ** 30, fallback: true });
        assert.deepEqual([medium.pageSize, medium.size], [HUGE, 4 * MIB]);
        const small = await dma.alloc(3 * MIB + freePages() * HUGE, { pageSize: 2 ** 30, fallback: true });
        assert.equal(small.pageSize, 4096);
        const error = await expectRejection("ENOMEM", () => dma.alloc(1, { pageSize: 2 ** 30 }));
        assert.match(error.message, /1 are needed, and 0 of 0 are free/);
      }),
  },
});
