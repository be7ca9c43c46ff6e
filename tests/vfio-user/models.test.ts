import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { Nic } from "@userpci/nic";
import { vfioUser } from "@userpci/vfio-user/client";
import { openDevice } from "userpci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestDriver, transferOf } from "../../packages/nvme/src/testing/driver.ts";

const names = ["nic0", "nic1", "trapped", "mapped"] as const;
const paths = Object.fromEntries(names.map((name) => [name, `@userpci-models-${process.pid}-${name}`]));

let worker: Worker;

beforeAll(async () => {
  worker = new Worker(new URL("serve-models.mjs", import.meta.url), { workerData: paths });
  await once(worker, "message");
});

afterAll(async () => {
  const exited = once(worker, "exit");
  worker.postMessage("close");
  await exited;
});

const open = (name: (typeof names)[number]) =>
  openDevice(name, { backend: vfioUser({ [name]: paths[name]! }) });

describe("the linked NICs, in another thread", () => {
  it("carry frames between drivers, by interrupt one way and by polling the other", async () => {
    await using one = await open("nic0");
    await using two = await open("nic1");
    using a = Nic.attach(one, { interrupts: true });
    using b = Nic.attach(two);
    const frame = new Uint8Array(1500).fill(0xff);
    for (let round = 0; round < 8; round++) {
      frame[20] = round;
      expect(b.send(frame)).toBe(true);
      const { value } = await a.frames().next();
      expect([value.length, value[20]]).toEqual([1500, round]);
      while (!a.send(value)) await a.writable();
      const back = await b.frames().next();
      expect(back.value).toEqual(frame);
    }
    expect(a.statistics().received).toMatchObject({ frames: 8, dropped: 0 });
  });
});

describe.each(["trapped", "mapped"] as const)("the NVMe controller with doorbells that are %s", (name) => {
  it("does what a driver asks that only polls", async () => {
    await using device = await open(name);
    using driver = TestDriver.start(device, { queues: 2 });
    using pages = device.dma.allocSync(2 * 4096);
    const [first, second] = driver.queues;
    for (let i = 0; i < 12; i++) {
      pages.u32.fill(i, 0, 1024);
      expect(driver.transfer("write", 8 * i, 8, { prp1: pages.iova }, first).status).toBe(0);
      expect(driver.transfer("read", 8 * i, 8, { prp1: pages.iova + 4096n }, second).status).toBe(0);
      expect(pages.u32[2047]).toBe(i);
    }
  });

  it("interrupts when it is done", async () => {
    await using device = await open(name);
    using vectors = device.irqs.enable("msix", { count: 2 });
    using driver = TestDriver.start(device, { vector: () => 1 });
    using page = device.dma.allocSync(4096);
    for (let i = 0; i < 10; i++) {
      driver.queues[0]!.submit(transferOf("read", i, 1, { prp1: page.iova }));
      expect(await vectors.at(1).wait({ timeoutMs: 5000 })).toBe(1);
      expect(driver.queues[0]!.reap()).toMatchObject({ commandId: i, status: 0 });
    }
  });
});
