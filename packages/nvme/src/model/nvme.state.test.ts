import { type DeviceModel, emulated, type ModelInstance } from "@userpci/device-model";
import fc from "fast-check";
import { isPciError, openDevice, type PciDevice } from "userpci";
import { afterEach, describe, expect, it } from "vitest";
import { adminOpcode, ioOpcode, nvmeFeature, nvmeStatus } from "../commands.ts";
import { TestDriver, transferOf } from "../testing/driver.ts";
import { nvme } from "./nvme.ts";
import type { NvmeOptions } from "./options.ts";

let device: PciDevice | undefined;
let instance: ModelInstance;

/** The model, which shows what it has made. */
function watched(options: NvmeOptions): DeviceModel {
  const model = nvme(options);
  return {
    ...model,
    create: (modelDevice) => {
      instance = model.create(modelDevice);
      return instance;
    },
  };
}

async function start(options: NvmeOptions, queues = 2): Promise<TestDriver> {
  device = await openDevice("nvme", { backend: emulated(watched({ size: 2 ** 20, ...options })) });
  return TestDriver.start(device, { queues });
}

afterEach(() => device?.close());

describe("a state", () => {
  it("that was saved in the middle of I/O is gone on with: no command is lost, none is told twice", async () => {
    using driver = await start({ latency: 500 });
    const dma = device!.dma;
    using pages = dma.allocSync(16 * 4096);
    for (let i = 0; i < 8; i++) pages.bytes.fill(i + 1, i * 4096, (i + 1) * 4096);
    const held = driver.admin.submit({ opcode: adminOpcode.ASYNC_EVENT_REQUEST });
    const [first, second] = driver.queues as [TestDriver["admin"], TestDriver["admin"]];
    for (let i = 0; i < 8; i++) {
      const queue = i % 2 === 0 ? first : second;
      queue.submit(transferOf("write", 8 * i, 8, { prp1: pages.iova + BigInt(i * 4096) }));
    }
    const before = driver.wait(first).commandId;
    const state = instance.save!();
    // Everything that the controller knows is gone, and comes again.
    await device!.reset();
    expect(driver.registers.CSTS.read()).toBe(0);
    instance.load!(state);
    const seen = [before, ...Array.from({ length: 3 }, () => driver.wait(first).commandId)];
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(Array.from({ length: 4 }, () => driver.wait(second)).map(({ status }) => status)).toEqual([
      0, 0, 0, 0,
    ]);
    expect([first.reap(), second.reap()]).toEqual([undefined, undefined]);
    for (let i = 0; i < 8; i++) {
      driver.transfer("read", 8 * i, 8, { prp1: pages.iova + BigInt(8 * 4096) });
      expect(pages.bytes[8 * 4096 + 100]).toBe(i + 1);
    }
    driver.region.write32(0x1008, 999);
    expect(driver.wait(driver.admin).commandId).toBe(held);
  });

  it("holds the disk, and the completions that had no room", async () => {
    using driver = await start({ latency: 0 }, 1);
    using page = device!.dma.allocSync(4096);
    page.bytes.fill(0x5a);
    driver.transfer("write", 100, 8, { prp1: page.iova });
    const small = driver.addQueue(2, 16, undefined, 2);
    for (let i = 0; i < 5; i++) small.submit({ opcode: ioOpcode.FLUSH, nsid: 1 });
    const state = instance.save!();
    await device!.reset();
    instance.reset("power-on");
    instance.load!(state);
    expect(Array.from({ length: 5 }, () => driver.wait(small).commandId)).toEqual([0, 1, 2, 3, 4]);
    page.bytes.fill(0);
    driver.transfer("read", 100, 8, { prp1: page.iova });
    expect(page.bytes.every((byte) => byte === 0x5a)).toBe(true);
  });

  it("knows that queues were created, though they are deleted", async () => {
    using driver = await start({}, 1);
    const perform = (opcode: number, dwords: readonly number[]) =>
      driver.perform(driver.admin, { opcode, dwords }).status;
    expect(perform(adminOpcode.DELETE_IO_SQ, [1])).toBe(0);
    expect(perform(adminOpcode.DELETE_IO_CQ, [1])).toBe(0);
    const state = instance.save!();
    device!.resetSync();
    instance.load!(state);
    const status = perform(adminOpcode.SET_FEATURES, [nvmeFeature.NUMBER_OF_QUEUES, 0]);
    expect(status).toBe(nvmeStatus.COMMAND_SEQUENCE_ERROR);
  });

  it("is refused where it is cut off, of another disk, or not one", async () => {
    using driver = await start({}, 1);
    using page = device!.dma.allocSync(4096);
    driver.transfer("write", 0, 8, { prp1: page.iova });
    const state = instance.save!();
    const other = state.slice();
    other[8] = 1;
    for (const bytes of [state.subarray(0, 100), state.subarray(0, -1), new Uint8Array(200), other]) {
      expect(codeOf(() => instance.load!(bytes))).toBe("ERR_PROTOCOL");
    }
    const longer = new Uint8Array(state.length + 1);
    longer.set(state);
    expect(codeOf(() => instance.load!(longer))).toBe("ERR_PROTOCOL");
  });
});

it("leaves a controller that works, whatever bytes of a state are wrong", async () => {
  using driver = await start({ size: 2 ** 16 }, 1);
  using page = device!.dma.allocSync(4096);
  driver.queues[0]!.submit(transferOf("read", 0, 8, { prp1: page.iova }));
  const state = instance.save!();
  const change = fc.record({ at: fc.nat(Math.min(state.length, 400) - 1), value: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const bytes = state.slice();
      for (const { at, value } of changes) bytes[at] = value;
      device!.resetSync();
      expect(["ERR_PROTOCOL", "nothing thrown"]).toContain(codeOf(() => instance.load!(bytes)));
      for (let i = 0; i < 5; i++) device!.relax();
      driver.disable();
      expect(driver.enable()).toBe(1);
      expect(driver.perform(driver.addQueue(1), { opcode: ioOpcode.FLUSH, nsid: 1 }).status).toBe(0);
    }),
    {
      numRuns: 60,
      // A controller that is ready, though its CC.EN is 0.
      examples: [
        [[{ at: 56, value: 0 }]],
        [
          [
            { at: 56, value: 0 },
            { at: 36, value: 0 },
          ],
        ],
      ],
    },
  );
});

describe("a reset", () => {
  it("of the controller in the middle of I/O ends it, and the disk stays", async () => {
    using driver = await start({ latency: 1000 });
    using page = device!.dma.allocSync(4096);
    page.bytes.fill(9);
    driver.transfer("write", 0, 8, { prp1: page.iova });
    const [queue] = driver.queues;
    for (let i = 0; i < 4; i++) queue!.submit(transferOf("read", 0, 8, { prp1: page.iova }));
    driver.disable();
    page.bytes.fill(0);
    for (let i = 0; i < 5000; i++) device!.relax();
    expect(page.bytes[0]).toBe(0);
    driver.enable();
    const again = driver.addQueue(1);
    driver.transfer("read", 0, 8, { prp1: page.iova }, again);
    expect(page.bytes[0]).toBe(9);
  });

  it("of the function leaves the disk as it was", async () => {
    using driver = await start({});
    using page = device!.dma.allocSync(4096);
    page.bytes.fill(3);
    driver.transfer("write", 16, 8, { prp1: page.iova });
    await device!.reset();
    expect(driver.registers.CC.read()).toBe(0);
    driver.disable();
    driver.enable();
    page.bytes.fill(0);
    driver.transfer("read", 16, 8, { prp1: page.iova }, driver.addQueue(1));
    expect(page.bytes[4095]).toBe(3);
  });

  it("follows a shutdown, which is over at once where nothing is outstanding", async () => {
    using driver = await start({});
    driver.registers.CC.update({ SHN: 1 });
    expect(driver.registers.CSTS.get("SHST")).toBe(2);
    driver.queues[0]!.submit({ opcode: ioOpcode.FLUSH, nsid: 1 });
    for (let i = 0; i < 10; i++) device!.relax();
    expect(driver.queues[0]!.reap()).toBeUndefined();
    driver.disable();
    expect(driver.enable()).toBe(1);
  });
});

describe("a shutdown", () => {
  const status = (driver: TestDriver) => driver.registers.CSTS.get("SHST");

  /** Reads CSTS, and does nothing else, until the shutdown is complete. */
  function awaitEnd(driver: TestDriver): void {
    for (let reads = 0; status(driver) !== 2; reads++) expect(reads).toBeLessThan(10_000);
  }

  /** Lets a read begin, and a shutdown while it is under way. */
  function shutDown(driver: TestDriver, prp1: bigint, kind = 1): void {
    driver.queues[0]!.submit(transferOf("read", 0, 8, { prp1 }));
    driver.registers.CC.update({ SHN: kind });
    expect(status(driver)).toBe(1);
  }

  it.each([1, 2])("of kind %i is complete when the commands are that were fetched", async (kind) => {
    using driver = await start({ latency: 50 });
    using page = device!.dma.allocSync(4096);
    page.bytes.fill(7);
    shutDown(driver, page.iova, kind);
    driver.queues[1]!.submit({ opcode: ioOpcode.FLUSH, nsid: 1 });
    expect(page.bytes[0]).toBe(7);
    awaitEnd(driver);
    expect(page.bytes[0]).toBe(0);
    expect(driver.queues.map((queue) => queue.reap()?.status)).toEqual([0, undefined]);
  });

  it("waits for completions that have no room", async () => {
    using driver = await start({}, 1);
    const small = driver.addQueue(2, 16, undefined, 2);
    for (let i = 0; i < 2; i++) small.submit({ opcode: ioOpcode.FLUSH, nsid: 1 });
    driver.registers.CC.update({ SHN: 1 });
    for (let i = 0; i < 100; i++) expect(status(driver)).toBe(1);
    expect([driver.wait(small).commandId, driver.wait(small).commandId]).toEqual([0, 1]);
    awaitEnd(driver);
  });

  it("is complete where the completions can go nowhere", async () => {
    using driver = await start({ latency: 50 }, 1);
    using page = device!.dma.allocSync(4096);
    shutDown(driver, page.iova);
    device!.config.command.update({ busMaster: false });
    awaitEnd(driver);
    expect(driver.registers.CSTS.get("CFS")).toBe(1);
  });

  it.each(["controller", "function"])("is given up by a reset of the %s", async (kind) => {
    using driver = await start({ latency: 50 }, 1);
    using page = device!.dma.allocSync(4096);
    page.bytes.fill(7);
    shutDown(driver, page.iova);
    if (kind === "function") device!.resetSync();
    driver.disable();
    expect(driver.registers.CSTS.read()).toBe(0);
    expect(driver.enable()).toBe(1);
    for (let i = 0; i < 1000; i++) device!.relax();
    expect([driver.registers.CSTS.read(), page.bytes[0]]).toEqual([1, 7]);
    expect(driver.transfer("read", 0, 8, { prp1: page.iova }, driver.addQueue(1)).status).toBe(0);
  });

  it("is gone on with where its state is loaded", async () => {
    using driver = await start({ latency: 50 });
    using page = device!.dma.allocSync(4096);
    page.bytes.fill(7);
    shutDown(driver, page.iova);
    const state = instance.save!();
    device!.resetSync();
    instance.load!(state);
    expect([status(driver), page.bytes[0]]).toEqual([1, 7]);
    driver.queues[1]!.submit({ opcode: ioOpcode.FLUSH, nsid: 1 });
    awaitEnd(driver);
    expect(page.bytes[0]).toBe(0);
    expect(driver.queues.map((queue) => queue.reap()?.status)).toEqual([0, undefined]);
  });
});

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (isPciError(error)) return error.code;
    throw error;
  }
  return "nothing thrown";
}
