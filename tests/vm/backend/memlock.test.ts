import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import type { DmaMapping } from "@userpci/interface";
import { readMemlock as readProcess, readUserMemlock } from "@userpci/vfio-native";
import { backendName, kernelBackend } from "../harness/backend.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const MIB = 2 ** 20;
const LIMIT = 8 * MIB;
/** What counts against the limit: pages of this process in a container, of this user in an iommufd. */
const readMemlock = backendName === "vfio-cdev" ? () => readUserMemlock() : () => readProcess();
const IS_ROOT = process.getuid!() === 0;

const limitInProc = (): number =>
  Number(/^Max locked memory\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))![1]);

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  memlock: LIMIT,
  tests: {
    "the limit and what is used of it are read as the kernel counts them": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using memory = backend.memory.alloc(3 * MIB);
      assert.deepEqual(readMemlock(), { limit: limitInProc(), locked: 0, exempt: IS_ROOT });
      using mapping = device.domain.mapSync(memory);
      assert.equal(readMemlock().limit, LIMIT);
      assert.equal(readMemlock().locked, mapping.size);
      assert.equal(readMemlock().locked, holdings().pinned);
    },

    "a user may pin as much as RLIMIT_MEMLOCK allows, and root more": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using first = backend.memory.alloc(6 * MIB);
      using second = backend.memory.alloc(3 * MIB);
      using _mapping = device.domain.mapSync(first);
      if (IS_ROOT) {
        device.domain.mapSync(second).unmapSync();
        return;
      }
      for (const attempt of [
        () => device.domain.map(second),
        async () => device.domain.mapSync(second),
        async () => device.domain.map(backend.memory.alloc(16 * MIB)),
      ]) {
        await expectRejection("ERR_MEMLOCK", attempt);
      }
      const error = expectCode("ERR_MEMLOCK", () => device.domain.mapSync(second));
      assert.deepEqual(error.details, {
        iova: error.details!["iova"],
        size: 3 * MIB,
        used: holdings().pinned,
        asked: 3 * MIB,
        limit: limitInProc(),
      });
      assert.match(error.message, /would pin 9 MiB: 6 MiB are pinned and RLIMIT_MEMLOCK is 8 MiB/);
      assert.match(error.hint!, /memlock 9216"|LimitMEMLOCK=9216K/);
      assert.equal(holdings().pinned, 6 * MIB, "nothing more was pinned");
      using small = device.domain.mapSync(second, { size: 2 * MIB });
      assert.equal(holdings().pinned, LIMIT, "exactly the limit is allowed");
      assert.equal(small.size, 2 * MIB);
    },

    "what was pinned is free again when it is unmapped, and when the device closes": () => {
      using backend = kernelBackend();
      const device = backend.openSync(at.edu);
      using memory = backend.memory.alloc(LIMIT);
      for (let round = 0; round < 3; round++) device.domain.mapSync(memory).unmapSync();
      const mapping: DmaMapping = device.domain.mapSync(memory);
      assert.equal(holdings().pinned, LIMIT);
      device.closeSync();
      assert.equal(mapping.closed, true);
      assert.equal(holdings().pinned, 0);
    },
  },
});
