import {
  type DeviceModel,
  emulated,
  type ModelDevice,
  type ModelDma,
  type ModelInstance,
  type Task,
} from "@userpci/device-model";
import { Nic } from "@userpci/nic";
import { nicPair } from "@userpci/nic/model";
import { ioOpcode } from "@userpci/nvme";
import { nvme } from "@userpci/nvme/model";
import { openDevice } from "userpci";
import { describe, expect, it } from "vitest";
import { prpsOf, TestDriver, transferOf } from "../../packages/nvme/src/testing/driver.ts";

/** Microseconds that each message takes. */
const MESSAGE_US = 5;

/**
 * DMA as it is where this process has none of the driver's memory: every access is a message.
 *
 * @param slowAnswers whether the answer takes a while, or else the message
 */
function messages({ dma, time }: ModelDevice, slowAnswers: boolean): ModelDma {
  function* late(access: Task): Task {
    if (!slowAnswers) yield* time.sleep(MESSAGE_US);
    yield* access;
    if (slowAnswers) yield* time.sleep(MESSAGE_US);
  }
  return {
    view: () => undefined,
    read: (iova, target) => late(dma.read(iova, target)),
    write: (iova, source) => late(dma.write(iova, source.slice())),
    transfer: (list, bytes, access) => late(dma.transfer(list, bytes, access)),
  };
}

/** A model that reaches memory by messages only. @param made told of what it makes */
function byMessages(
  model: DeviceModel,
  slowAnswers = false,
  made: (instance: ModelInstance) => void = () => undefined,
): DeviceModel {
  return {
    ...model,
    create: (device) => {
      const own = Object.create(device, { dma: { value: messages(device, slowAnswers) } });
      const instance = model.create(own);
      made(instance);
      return instance;
    },
  };
}

describe("the NVMe controller, where DMA is by messages", () => {
  it("moves data of several queues at once, by lists of several pages", async () => {
    await using device = await openDevice("nvme", { backend: emulated(byMessages(nvme({ size: 2 ** 22 }))) });
    using driver = TestDriver.start(device, { queues: 3 });
    const length = 600 * 512;
    using buffer = device.dma.allocSync(3 * length);
    using list = device.dma.allocSync(3 * 4096);
    for (const [i, queue] of driver.queues.entries()) {
      const data = buffer.bytes.subarray(i * length, (i + 1) * length);
      for (let at = 0; at < length; at++) data[at] = (at * (i + 3)) >> 4;
      queue.submit(transferOf("write", 600 * i, 600, prpsOf(buffer, i * length, length, list, 4096 * i + 8)));
    }
    for (const queue of driver.queues) expect(driver.wait(queue).status).toBe(0);
    const written = buffer.bytes.slice(0, 3 * length);
    buffer.bytes.fill(0);
    for (let i = 0; i < 3; i++) {
      const prps = prpsOf(buffer, i * length, length, list);
      expect(driver.transfer("read", 600 * i, 600, prps).status).toBe(0);
    }
    expect(Buffer.compare(buffer.bytes.subarray(0, 3 * length), written)).toBe(0);
  });

  it.each([
    ["is underway", false],
    ["was done, but not answered", true],
  ])("loses nothing where its state is saved while a message %s", async (_, slowAnswers) => {
    let instance: ModelInstance | undefined;
    const model = byMessages(nvme({ size: 2 ** 20 }), slowAnswers, (made) => {
      instance = made;
    });
    await using device = await openDevice("nvme", { backend: emulated(model) });
    using driver = TestDriver.start(device, { queues: 1 });
    using page = device.dma.allocSync(2 * 4096);
    const [queue] = driver.queues;
    for (let pauses = 0; pauses < 60; pauses++) {
      page.u32.fill(pauses + 1, 0, 1024);
      const ids = [
        queue!.submit(transferOf("write", 0, 8, { prp1: page.iova }), false),
        queue!.submit({ opcode: ioOpcode.FLUSH, nsid: 1 }, false),
        queue!.submit(transferOf("read", 0, 8, { prp1: page.iova + 4096n }), false),
      ];
      queue!.ring();
      for (let step = 0; step < pauses; step++) device.relax();
      const state = instance!.save!();
      device.resetSync();
      instance!.load!(state);
      expect(ids.map(() => driver.wait(queue!).commandId)).toEqual(ids);
      expect([page.u32[1024], page.u32[2047], queue!.reap()]).toEqual([pauses + 1, pauses + 1, undefined]);
    }
  });

  it("takes completions for read that the driver has seen before the message's answer came", async () => {
    await using device = await openDevice("nvme", {
      backend: emulated(byMessages(nvme({ size: 2 ** 20 }), true)),
    });
    using driver = TestDriver.start(device, { queues: 1, depth: 4 });
    for (let i = 0; i < 50; i++) {
      expect(driver.perform(driver.queues[0]!, { opcode: ioOpcode.FLUSH, nsid: 1 }).status).toBe(0);
    }
  });

  it("ends what is under way with a reset of the controller", async () => {
    await using device = await openDevice("nvme", { backend: emulated(byMessages(nvme({ size: 2 ** 20 }))) });
    using driver = TestDriver.start(device, { queues: 1 });
    using page = device.dma.allocSync(4096);
    for (let pauses = 0; pauses < 30; pauses++) {
      driver.queues[0]!.submit(transferOf("read", 0, 8, { prp1: page.iova }));
      for (let step = 0; step < pauses; step++) device.relax();
      driver.disable();
      page.bytes.fill(7);
      for (let step = 0; step < 50; step++) device.relax();
      expect(page.bytes.every((byte) => byte === 7)).toBe(true);
      driver.enable();
      driver.addQueue(1);
    }
  });
});

describe("the linked NICs, where DMA is by messages", () => {
  it.each([
    ["messages", false],
    ["answers", true],
  ])("carry frames in order, and drop none for which there is room, by slow %s", async (_, slowAnswers) => {
    const [nic0, nic1] = nicPair().map((model) => byMessages(model, slowAnswers)) as [
      DeviceModel,
      DeviceModel,
    ];
    const backend = emulated({ nic0, nic1 });
    await using one = await openDevice("nic0", { backend });
    await using two = await openDevice("nic1", { backend });
    using a = Nic.attach(one);
    using b = Nic.attach(two, { ringSize: 64 });
    const frame = new Uint8Array(200).fill(0xff);
    const seen: number[] = [];
    let sent = 0;
    for (let look = 0; seen.length < 200 && look < 100_000; look++) {
      frame[20] = sent;
      if (sent < 200 && sent - seen.length < 50 && a.send(frame)) sent++;
      one.relax();
      two.relax();
      b.poll((buffer, length) => seen.push(length === 200 ? buffer[20]! : -1));
    }
    expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(b.statistics().received).toMatchObject({ frames: 200, dropped: 0, errors: 0 });
  });
});
