import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { backendName } from "../harness/backend.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { withDma } from "./scene.ts";

const MIB = 2 ** 20;
const LIMIT = 8 * MIB;
const IS_ROOT = process.getuid!() === 0;
const limit = IS_ROOT ? Number.POSITIVE_INFINITY : LIMIT;

/** What the kernel says of a field of this process, in bytes. */
const statusField = (name: string): number =>
  Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"))![1]) *
  1024;

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  memlock: LIMIT,
  tests: {
    "device, domain and process agree with the kernel's counts, and are zero at the end": async () => {
      const [field, scope] =
        backendName === "vfio-cdev" ? (["VmPin", "user"] as const) : (["VmLck", "process"] as const);
      await withDma(async ({ dma, device }) => {
        const bytes = new Uint8Array(MIB);
        const { pageSize } = device.memory;
        const steps = [
          () => dma.alloc(1),
          () => dma.alloc(2 * MIB),
          () => dma.map(bytes, { exposeNeighbours: true }),
          async () => dma.allocSync(2 * MIB, { pageSize: 2 * MIB }),
        ];
        const sizes = [pageSize, 2 * MIB, MIB + pageSize, 2 * MIB];
        let sum = 0;
        for (const [i, step] of steps.entries()) {
          await step();
          sum += sizes[i]!;
          assert.deepEqual(dma.usage(), {
            device: sum,
            domain: sum,
            counted: statusField(field),
            scope,
            limit,
            left: limit - sum,
          });
          assert.equal(statusField(field), sum);
        }
        using foreign = device.domain.mapSync(device.memory.alloc(pageSize));
        assert.equal(dma.usage().device + foreign.size, dma.usage().domain);
        foreign.unmapSync();
        await dma.close();
        assert.deepEqual(dma.usage(), { device: 0, domain: 0, counted: 0, scope, limit, left: limit });
      });
      assert.equal(statusField(field), 0);
    },

    "the preflight and the kernel refuse the same, with the same advice, and pin nothing": () =>
      withDma(async ({ dma }) => {
        await dma.alloc(5 * MIB);
        if (IS_ROOT) {
          dma.preflight(64 * MIB);
          await (await dma.alloc(64 * MIB)).close();
          return;
        }
        dma.preflight(3 * MIB);
        const before = expectCode("ERR_MEMLOCK", () => dma.preflight(3 * MIB + 1));
        const kernel = await expectRejection("ERR_MEMLOCK", () => dma.alloc(3 * MIB + 1));
        assert.equal(before.hint, kernel.hint);
        const { used, asked, limit: allowed } = kernel.details as Record<string, number>;
        assert.deepEqual(before.details, { used, asked, limit: allowed });
        assert.deepEqual([used, asked, allowed], [5 * MIB, 3 * MIB + 4096, LIMIT]);
        assert.equal(holdings().pinned, 5 * MIB);
        await dma.alloc(3 * MIB);
        assert.equal(dma.usage().left, 0);
        expectCode("ERR_MEMLOCK", () => dma.preflight(1));
        assert.equal(holdings().pinned, LIMIT, "what fits is what was said");
      }),
  },
});
