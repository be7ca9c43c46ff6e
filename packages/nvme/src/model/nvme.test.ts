import { emulated } from "@userpci/device-model";
import { openDevice, type PciDevice } from "userpci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { adminOpcode, identifyStructure, ioOpcode, logPage, nvmeFeature, nvmeStatus } from "../commands.ts";
import { controllerLayout, healthLayout, namespaceLayout, readNumber, readText } from "../structures.ts";
import { prpsOf, TestDriver, transferOf } from "../testing/driver.ts";
import { nvme } from "./nvme.ts";

let device: PciDevice;
let driver: TestDriver;

beforeEach(async () => {
  device = await openDevice("nvme", { backend: emulated(nvme({ size: 2 ** 20, serial: "TEST1" })) });
  driver = TestDriver.start(device);
});

afterEach(async () => {
  driver[Symbol.dispose]();
  await device.close();
});

/** Performs an admin command that gives 4 KiB. */
function ask(opcode: number, nsid: number, dwords: readonly number[]): { status: number; bytes: Uint8Array } {
  using page = device.dma.allocSync(4096);
  const { status } = driver.perform(driver.admin, { opcode, nsid, prp1: page.iova, dwords });
  return { status, bytes: page.bytes.slice() };
}

const identify = (cns: number, nsid = 0) => ask(adminOpcode.IDENTIFY, nsid, [cns]);
const io = (command: Parameters<TestDriver["perform"]>[1]) =>
  driver.perform(driver.queues[0]!, command).status;
const adminDo = (opcode: number, dwords: readonly number[], prp1 = 0n) =>
  driver.perform(driver.admin, { opcode, dwords, prp1 });

describe("what it says of itself", () => {
  it("is an NVM Express controller by its class, version and registers", () => {
    expect(device.config.classCode).toBe(0x010802);
    expect(driver.registers.VS.read()).toBe(0x0001_0400);
    const cap = driver.registers.CAP.read();
    expect([cap & 0xffffn, (cap >> 16n) & 1n, (cap >> 32n) & 0xfn, (cap >> 37n) & 0xffn]).toEqual([
      1023n,
      1n,
      0n,
      1n,
    ]);
    expect(device.info.resettable).toBe(true);
    expect(device.backendDevice.irqInfo("msix").count).toBe(9);
  });

  it("identifies itself and its namespace", () => {
    const { bytes } = identify(identifyStructure.CONTROLLER);
    expect(readText(bytes, controllerLayout.SN)).toBe("TEST1");
    expect(readText(bytes, controllerLayout.SUBNQN)).toMatch(
      /^nqn\.2014-08\.org\.nvmexpress:uuid:[0-9a-f-]{36}$/,
    );
    expect(readNumber(bytes, controllerLayout.NN)).toBe(1n);
    const namespace = identify(identifyStructure.NAMESPACE, 1).bytes;
    expect(readNumber(namespace, namespaceLayout.NSZE)).toBe(2048n);
    expect(readNumber(namespace, namespaceLayout.LBAF0_LBADS)).toBe(9n);
    expect([...identify(identifyStructure.ACTIVE_NAMESPACES).bytes.subarray(0, 8)]).toEqual([
      1, 0, 0, 0, 0, 0, 0, 0,
    ]);
    expect([...identify(identifyStructure.ACTIVE_NAMESPACES, 1).bytes.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
    expect([...identify(identifyStructure.DESCRIPTORS, 1).bytes.subarray(0, 2)]).toEqual([3, 16]);
    expect(identify(identifyStructure.NAMESPACE, 2).status).toBe(nvmeStatus.INVALID_NAMESPACE);
    expect(identify(0x77).status).toBe(nvmeStatus.INVALID_FIELD);
  });

  it("counts what it did in its health log", () => {
    using page = device.dma.allocSync(4096);
    driver.transfer("write", 0, 8, { prp1: page.iova });
    driver.transfer("read", 0, 8, { prp1: page.iova });
    driver.transfer("read", 0, 8, { prp1: page.iova });
    const { bytes } = ask(adminOpcode.GET_LOG_PAGE, 0xffff_ffff, [logPage.HEALTH | (127 << 16)]);
    expect([readNumber(bytes, healthLayout.READS), readNumber(bytes, healthLayout.WRITES)]).toEqual([2n, 1n]);
    expect(readNumber(bytes, healthLayout.CRITICAL_WARNING)).toBe(0n);
    expect(ask(adminOpcode.GET_LOG_PAGE, 0, [0x70]).status).toBe(nvmeStatus.INVALID_LOG_PAGE);
  });
});

describe("features", () => {
  it("are set, got, and back at their defaults after a reset", () => {
    const cache = () => adminDo(adminOpcode.GET_FEATURES, [nvmeFeature.VOLATILE_WRITE_CACHE]).result;
    expect(cache()).toBe(1);
    expect(adminDo(adminOpcode.SET_FEATURES, [nvmeFeature.VOLATILE_WRITE_CACHE, 0]).status).toBe(0);
    expect(cache()).toBe(0);
    driver.disable();
    driver.enable();
    expect(cache()).toBe(1);
  });

  it("grants as many queues as there are, before any was created", () => {
    const dwords = [nvmeFeature.NUMBER_OF_QUEUES, 0x00ff_00ff];
    const refused = { status: nvmeStatus.COMMAND_SEQUENCE_ERROR };
    expect(adminDo(adminOpcode.SET_FEATURES, dwords)).toMatchObject(refused);
    expect(adminDo(adminOpcode.DELETE_IO_SQ, [1]).status).toBe(0);
    expect(adminDo(adminOpcode.DELETE_IO_CQ, [1]).status).toBe(0);
    expect(adminDo(adminOpcode.SET_FEATURES, dwords)).toMatchObject(refused);
    expect(adminDo(adminOpcode.GET_FEATURES, dwords)).toMatchObject({ status: 0, result: 0x0007_0007 });
    driver.disable();
    driver.enable();
    expect(adminDo(adminOpcode.SET_FEATURES, dwords)).toMatchObject({ status: 0, result: 0x0007_0007 });
    const tooMany = [nvmeFeature.NUMBER_OF_QUEUES, 0xffff];
    expect(adminDo(adminOpcode.SET_FEATURES, tooMany).status).toBe(nvmeStatus.INVALID_FIELD);
  });

  it("refuses what there is not, and what it cannot keep", () => {
    expect(adminDo(adminOpcode.GET_FEATURES, [0x55]).status).toBe(nvmeStatus.INVALID_FIELD);
    const save = (2 ** 31 + nvmeFeature.ARBITRATION) >>> 0;
    expect(adminDo(adminOpcode.SET_FEATURES, [save, 0]).status).toBe(nvmeStatus.FEATURE_NOT_SAVEABLE);
  });
});

describe("reading and writing", () => {
  it("keeps what was written, over lists that go on in another page", () => {
    const length = 512 * 1024;
    using data = device.dma.allocSync(length + 4096);
    using back = device.dma.allocSync(length + 4096);
    using list = device.dma.allocSync(3 * 4096);
    data.bytes.forEach((_, i) => {
      data.bytes[i] = (i * 31 + (i >> 9)) & 0xff;
    });
    // From the middle of a page, by a list of which only 2 entries fit the first page.
    expect(driver.transfer("write", 8, 1024, prpsOf(data, 0x204, length, list, 4080)).status).toBe(0);
    expect(driver.transfer("read", 8, 1024, prpsOf(back, 0, length, list)).status).toBe(0);
    expect(Buffer.compare(back.bytes.subarray(0, length), data.bytes.subarray(0x204, 0x204 + length))).toBe(
      0,
    );
  });

  it("wraps around its queues and inverts the phase", () => {
    using page = device.dma.allocSync(4096);
    for (let i = 0; i < 100; i++) {
      page.u32[0] = i;
      expect(driver.transfer("write", i, 1, { prp1: page.iova }).status).toBe(0);
    }
    driver.transfer("read", 77, 1, { prp1: page.iova });
    expect(page.u32[0]).toBe(77);
  });

  it("holds completions back while their queue is full, and loses none", () => {
    const queue = driver.addQueue(2, 16, undefined, 4);
    using page = device.dma.allocSync(4096);
    for (let i = 0; i < 10; i++) queue.submit(transferOf("read", i, 1, { prp1: page.iova }));
    // Only three have room; the other queue goes on meanwhile.
    expect(io({ opcode: ioOpcode.FLUSH, nsid: 1 })).toBe(0);
    expect(
      [...queue.completions.u32].filter((_, i) => i % 4 === 3 && queue.completions.u32[i] !== 0),
    ).toHaveLength(3);
    const seen = Array.from({ length: 10 }, () => driver.wait(queue).commandId);
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it("zeroes, deallocates, compares and flushes", () => {
    using page = device.dma.allocSync(4096);
    using ranges = device.dma.allocSync(4096);
    page.bytes.fill(7);
    driver.transfer("write", 0, 8, { prp1: page.iova });
    const compare = (block: number) =>
      io({ opcode: ioOpcode.COMPARE, nsid: 1, prp1: page.iova, dwords: [block, 0, 0] });
    expect([compare(1), compare(8)]).toEqual([0, nvmeStatus.COMPARE_FAILURE]);
    expect(io({ opcode: ioOpcode.WRITE_ZEROES, nsid: 1, dwords: [1, 0, 0] })).toBe(0);
    expect([compare(1), compare(2)]).toEqual([nvmeStatus.COMPARE_FAILURE, 0]);
    ranges.u32.set([0, 1, 2, 0]);
    expect(io({ opcode: ioOpcode.DATASET_MANAGEMENT, nsid: 1, prp1: ranges.iova, dwords: [0, 4] })).toBe(0);
    expect([compare(2), compare(3)]).toEqual([nvmeStatus.COMPARE_FAILURE, 0]);
    expect(io({ opcode: ioOpcode.FLUSH, nsid: 0xffff_ffff })).toBe(0);
  });
});

describe("errors", () => {
  it.each<[string, Parameters<TestDriver["perform"]>[1], number]>([
    ["an opcode that there is not", { opcode: 0x7f, nsid: 1 }, nvmeStatus.INVALID_OPCODE],
    ["a namespace that there is not", { opcode: ioOpcode.READ, nsid: 2 }, nvmeStatus.INVALID_NAMESPACE],
    ["blocks past the end", transferOf("read", 2047, 2, { prp1: 0x1000n }), nvmeStatus.LBA_OUT_OF_RANGE],
    ["blocks far past it", transferOf("read", 2 ** 63, 1, { prp1: 0x1000n }), nvmeStatus.LBA_OUT_OF_RANGE],
    ["an odd address", transferOf("read", 0, 1, { prp1: 0x1001n }), nvmeStatus.INVALID_PRP_OFFSET],
    [
      "a second page off its start",
      transferOf("read", 0, 16, { prp1: 0x1000n, prp2: 0x2010n }),
      nvmeStatus.INVALID_PRP_OFFSET,
    ],
    [
      "a list off its entries",
      transferOf("read", 0, 64, { prp1: 0x1000n, prp2: 0x2004n }),
      nvmeStatus.INVALID_PRP_OFFSET,
    ],
    [
      "memory that is not mapped",
      transferOf("read", 0, 8, { prp1: 0xffff_ffff_ffff_f000n }),
      nvmeStatus.DATA_TRANSFER_ERROR,
    ],
    [
      "a list that is not mapped",
      transferOf("write", 0, 64, { prp1: 0x1000n, prp2: 0x7_0000_0000n }),
      nvmeStatus.DATA_TRANSFER_ERROR,
    ],
    ["a scatter list", { opcode: ioOpcode.READ, flags: 0x40, nsid: 1 }, nvmeStatus.INVALID_FIELD],
    ["a fused command", { opcode: ioOpcode.READ, flags: 1, nsid: 1 }, nvmeStatus.INVALID_FIELD],
  ])("tells of %s, and goes on", (_, command, status) => {
    expect(io(command)).toBe(status);
    expect(io({ opcode: ioOpcode.FLUSH, nsid: 1 })).toBe(0);
  });

  it("refuses queues that cannot be", () => {
    const create = (...dwords: number[]) => adminDo(adminOpcode.CREATE_IO_CQ, dwords, 0x1000n).status;
    expect(create(1 | (15 << 16), 1)).toBe(nvmeStatus.INVALID_QUEUE_IDENTIFIER);
    expect(create(9 | (15 << 16), 1)).toBe(nvmeStatus.INVALID_QUEUE_IDENTIFIER);
    expect(create(2, 1)).toBe(nvmeStatus.INVALID_QUEUE_SIZE);
    expect(create(2 | (1024 << 16), 1)).toBe(nvmeStatus.INVALID_QUEUE_SIZE);
    expect(create(2 | (15 << 16), 0)).toBe(nvmeStatus.INVALID_FIELD);
    expect(create(2 | (15 << 16), 0b11 | (9 << 16))).toBe(nvmeStatus.INVALID_VECTOR);
    const submissions = adminDo(adminOpcode.CREATE_IO_SQ, [2 | (15 << 16), 1 | (3 << 16)], 0x1000n);
    expect(submissions.status).toBe(nvmeStatus.INVALID_COMPLETION_QUEUE);
    expect(adminDo(adminOpcode.DELETE_IO_CQ, [1]).status).toBe(nvmeStatus.INVALID_QUEUE_DELETION);
    expect(adminDo(adminOpcode.DELETE_IO_SQ, [1]).status).toBe(0);
    expect(adminDo(adminOpcode.DELETE_IO_CQ, [1]).status).toBe(0);
  });

  it("tells of a wrong doorbell by an event, once until its log was read", () => {
    const held = driver.admin.submit({ opcode: adminOpcode.ASYNC_EVENT_REQUEST });
    device.relax();
    expect(driver.admin.reap()).toBeUndefined();
    driver.region.write32(0x1008, 999);
    expect(driver.wait(driver.admin)).toMatchObject({ commandId: held, status: 0, result: 0x1_0100 });
    driver.admin.submit({ opcode: adminOpcode.ASYNC_EVENT_REQUEST });
    driver.region.write32(0x1040, 1);
    device.relax();
    expect(driver.admin.reap()).toBeUndefined();
    expect(ask(adminOpcode.GET_LOG_PAGE, 0, [logPage.ERRORS | (15 << 16)]).status).toBe(0);
    driver.region.write32(0x1ff8, 1);
    expect(driver.wait(driver.admin).result).toBe(0x1_0000);
    expect(io({ opcode: ioOpcode.FLUSH, nsid: 1 })).toBe(0);
  });

  it("aborts an event that is awaited, and nothing else", () => {
    const held = driver.admin.submit({ opcode: adminOpcode.ASYNC_EVENT_REQUEST });
    const abort = driver.admin.submit({ opcode: adminOpcode.ABORT, dwords: [held << 16] });
    expect(driver.wait(driver.admin)).toMatchObject({ commandId: held, status: nvmeStatus.ABORT_REQUESTED });
    expect(driver.wait(driver.admin)).toMatchObject({ commandId: abort, result: 0 });
    expect(adminDo(adminOpcode.ABORT, [1]).result).toBe(1);
  });

  it("is fatal where its queues cannot be reached, until it is reset", () => {
    device.config.command.update({ busMaster: false });
    driver.queues[0]!.submit({ opcode: ioOpcode.FLUSH, nsid: 1 });
    device.relax();
    expect(driver.registers.CSTS.get("CFS")).toBe(1);
    device.config.command.update({ busMaster: true });
    driver.disable();
    expect(driver.enable()).toBe(1);
    driver.addQueue(1);
    expect(io({ opcode: ioOpcode.FLUSH, nsid: 1 })).toBe(0);
  });

  it("does not start with queues that cannot be", () => {
    driver.disable();
    driver.registers.AQA.write(0);
    driver.registers.CC.write(0x0046_0001);
    expect(driver.registers.CSTS.read()).toBe(2);
  });
});

it("refuses an option that it does not have, and says which it has", () => {
  const refusal = { code: "ERR_INVALID_ARGUMENT", message: 'nvme has no option "sizee"' };
  const hint = expect.stringContaining("size, blockSize");
  expect(() => nvme({ sizee: 2 ** 20 } as never)).toThrow(expect.objectContaining({ ...refusal, hint }));
});

it.each([{ blockSize: Object.create(null) }, { blockSize: {} }, { doorbells: Object.create(null) }])(
  "says what it cannot have, whatever that is: %#",
  (options) => {
    const refusal = { code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining("an object") };
    expect(() => nvme(options as never)).toThrow(expect.objectContaining(refusal));
  },
);
