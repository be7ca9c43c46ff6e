import { strict as assert } from "node:assert";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { regionIndex } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at, USER } from "../machines.ts";
import type { Way } from "./holder.ts";

const HOLDER = new URL("./holder.js", import.meta.url);

/** A worker that has the device and keeps it busy. */
async function startWorker(way: Way, address: string): Promise<Worker> {
  const worker = new Worker(HOLDER, { workerData: [way, address] });
  const [message] = await once(worker, "message");
  assert.equal(message, "ready");
  return worker;
}

/** Opens a device that a worker has left, and checks that it is quiet and that the process keeps nothing of the worker's. */
function checkFree(address: string): void {
  {
    using backend = kernelBackend();
    using device = backend.openSync(address);
    assert.equal(device.region(regionIndex.config).read16(4) & 0b100, 0, "bus master is off");
    assert.equal(startEdu(device).read32(edu.ID), 0x0100_00ed);
  }
  const { descriptors, pinned } = holdings();
  const names = Object.keys(descriptors).filter((name) => /vfio|userpci-dma/.test(name));
  assert.deepEqual([names, pinned], [[], 0]);
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  users: [USER],
  tests: {
    "a worker that is terminated in the middle of DMA leaves the device quiet and free": async () => {
      const worker = await startWorker("dma", at.wideEdu);
      await setTimeout(50);
      await worker.terminate();
      checkFree(at.wideEdu);
    },

    "a worker that is terminated in the middle of a mapping leaves nothing pinned": async () => {
      for (let round = 0; round < 3; round++) {
        const worker = await startWorker("map", at.wideEdu);
        await setTimeout(20 * round);
        await worker.terminate();
        checkFree(at.wideEdu);
      }
    },

    "a worker whose event loop ends leaves the device quiet and free": async () => {
      const worker = await startWorker("end", at.wideEdu);
      await once(worker, "exit");
      checkFree(at.wideEdu);
    },

    "a worker that throws leaves the device quiet and free": async () => {
      const worker = new Worker(HOLDER, { workerData: ["throw", at.wideEdu] });
      // Not by once(), which rejects with the error.
      const exited = new Promise((resolve) => worker.once("exit", resolve));
      const [error] = await once(worker, "error");
      assert.match(String(error), /on purpose/);
      await exited;
      checkFree(at.wideEdu);
    },

    "two threads have a device each, and one cannot take the other's": async () => {
      const worker = await startWorker("dma", at.wideEdu);
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const error = expectCode("ERR_DEVICE_BUSY", () => backend.openSync(at.wideEdu));
      assert.match(error.message, new RegExp(`\\b${process.pid}\\b`));
      const bar = startEdu(device);
      await worker.terminate();
      assert.equal(bar.read32(edu.ID), 0x0100_00ed, "the end of the worker harms nobody else");
      backend.closeSync();
      checkFree(at.wideEdu);
    },
  },
});
