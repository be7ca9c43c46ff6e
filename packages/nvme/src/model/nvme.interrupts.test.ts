import { type EmulatedBackend, emulated } from "@userpci/device-model";
import { openDevice, type PciDevice } from "userpci";
import { afterEach, describe, expect, it } from "vitest";
import { ioOpcode } from "../commands.ts";
import { type DriverOptions, TestDriver, transferOf } from "../testing/driver.ts";
import { nvme } from "./nvme.ts";
import type { NvmeOptions } from "./options.ts";

let device: PciDevice;

async function open(options: NvmeOptions = {}): Promise<EmulatedBackend> {
  const backend = emulated(nvme({ size: 2 ** 20, ...options }));
  device = await openDevice("nvme", { backend });
  return backend;
}

const start = (options: DriverOptions) => TestDriver.start(device, options);

afterEach(() => device.close());

const flush = { opcode: ioOpcode.FLUSH, nsid: 1 };

describe("MSI-X", () => {
  it("interrupts by each queue's own vector", async () => {
    await open();
    using vectors = device.irqs.enable("msix", { count: 9 });
    using driver = start({ queues: 3, vector: (queue) => queue });
    vectors.at(0).take();
    driver.queues[1]!.submit(flush);
    expect(await vectors.at(2).wait({ timeoutMs: 1000 })).toBe(1);
    expect(driver.queues[1]!.reap()).toMatchObject({ status: 0 });
    expect([0, 1, 3].map((vector) => vectors.at(vector).take())).toEqual([0, 0, 0]);
  });

  it("interrupts once for commands that were submitted together", async () => {
    await open();
    using vectors = device.irqs.enable("msix", { count: 2 });
    using driver = start({ vector: () => 1 });
    const [queue] = driver.queues;
    for (let i = 0; i < 8; i++) queue!.submit(flush, false);
    queue!.ring();
    expect(await vectors.at(1).wait({ timeoutMs: 1000 })).toBe(1);
    expect(Array.from({ length: 8 }, () => queue!.reap()?.status)).toEqual(Array(8).fill(0));
  });

  it("does not interrupt for a queue without interrupts", async () => {
    await open();
    using vectors = device.irqs.enable("msix", { count: 2 });
    using driver = start({});
    driver.perform(driver.queues[0]!, flush);
    expect(vectors.at(1).take()).toBe(0);
  });
});

describe("the pin", () => {
  it("is held while there are completions that were not taken, unless it is masked", async () => {
    await open();
    using pin = device.irqs.enable("intx");
    using driver = start({ vector: () => 0 });
    const line = pin.at(0);
    line.take();
    driver.registers.INTMS.write(1);
    expect(driver.registers.INTMC.read()).toBe(1);
    const [queue] = driver.queues;
    queue!.submit(flush);
    device.relax();
    expect([line.take(), device.config.status.interruptStatus]).toEqual([0, false]);
    driver.registers.INTMC.write(1);
    expect(driver.registers.INTMS.read()).toBe(0);
    expect([line.take(), device.config.status.interruptStatus]).toEqual([1, true]);
    // Unmasked by take, and still there.
    expect(line.take()).toBe(1);
    expect(queue!.reap()).toBeDefined();
    expect(device.config.status.interruptStatus).toBe(false);
  });
});

describe("doorbells in memory", () => {
  it("are looked at by a driver that only polls", async () => {
    const backend = await open({ doorbells: "mapped", latency: 20 });
    expect(backend.function().hosted.mappable(0)).toMatchObject([{ offset: 0x1000, size: 0x1000 }]);
    using driver = start({ queues: 2, depth: 4 });
    using page = device.dma.allocSync(4096);
    for (let i = 0; i < 20; i++) {
      page.u32[0] = i;
      for (const queue of driver.queues) {
        expect(driver.transfer("write", i, 1, { prp1: page.iova }, queue).status).toBe(0);
      }
    }
    expect(driver.transfer("read", 19, 1, { prp1: page.iova }).status).toBe(0);
    expect(page.u32[0]).toBe(19);
  });

  it("begin anew with new queues", async () => {
    await open({ doorbells: "mapped" });
    using driver = start({});
    driver.perform(driver.queues[0]!, flush);
    driver.disable();
    driver.enable();
    expect(driver.perform(driver.addQueue(1), flush).status).toBe(0);
    expect(driver.perform(driver.queues[0]!, transferOf("read", 5000, 1, { prp1: 0n })).status).toBe(0x80);
  });
});
