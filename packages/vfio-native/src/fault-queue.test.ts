import { writeSync } from "node:fs";
import { failing } from "@userpci/interface/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Ioas } from "./ioas.ts";
import { Iommufd } from "./iommufd.ts";
import { loadNative } from "./native.ts";
import { FakeKernel } from "./test/fake-kernel.ts";
import * as uapi from "./uapi/iommufd.ts";

const native = loadNative();

let before = native.ledger();
let kernel: FakeKernel;
let ioas: Ioas;
beforeEach(() => {
  before = native.ledger();
  kernel = new FakeKernel();
  ioas = new Ioas(
    Iommufd.open(native, "user", () => undefined),
    () => undefined,
  );
});
afterEach(() => {
  ioas.close();
  kernel.closeFaults();
  vi.restoreAllMocks();
  expect(native.ledger()).toEqual(before);
});

it("a queue that a page table uses goes on, and closes after that", () => {
  const queue = ioas.createFaultQueue();
  const table = ioas.createTable(1, { faults: queue });
  expect(() => queue.close()).toThrow(failing("ERR_BUSY"));
  expect([queue.closed, queue.take()]).toEqual([false, []]);
  table.close();
  queue.close();
  queue.close();
  expect([queue.closed, [...kernel.objects.keys()]]).toEqual([true, [ioas.id]]);
  expect(() => queue.take()).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
});

it("a queue that the kernel keeps, for a child that has its descriptor, can be closed again", () => {
  const queue = ioas.createFaultQueue();
  kernel.objects.set(1000, [queue.id]);
  expect(() => queue.close()).toThrow(failing("ERR_BUSY"));
  kernel.objects.delete(1000);
  queue.close();
  expect([...kernel.objects.keys()]).toEqual([ioas.id]);
});

it("a queue whose descriptor cannot be kept leaves nothing in the kernel", () => {
  vi.spyOn(native, "adopt").mockReturnValueOnce(-17);
  expect(() => ioas.createFaultQueue()).toThrow(failing("EEXIST"));
  expect([...kernel.objects.keys()]).toEqual([ioas.id]);
});

it("a read or an answer that fails for another reason is not told to answer once", () => {
  const queue = ioas.createFaultQueue();
  queue.respond(1, true);
  kernel.closeFaults();
  for (const [code, call] of [
    ["ECONNRESET", () => queue.take()],
    ["EPIPE", () => queue.respond(2, true)],
  ] as const) {
    expect(call).toThrow(expect.objectContaining({ code, hint: expect.not.stringContaining("once") }));
  }
});

describe("wait", () => {
  const { pageFault, pageFaultFlag, pageFaultPermission } = uapi;
  const record = pageFault.pack({
    flags: pageFaultFlag.LAST_PAGE,
    dev_id: 1,
    grpid: 7,
    perm: pageFaultPermission.WRITE,
    addr: 0x5000n,
    cookie: 9,
  });
  const arrive = (): number => writeSync(kernel.faults[0]!, record);
  const request = expect.objectContaining({ cookie: 9, iova: 0x5000n, write: true, read: false, last: true });

  it("gives what has arrived, at once or as soon as it does", async () => {
    const queue = ioas.createFaultQueue();
    arrive();
    arrive();
    expect(await queue.wait()).toEqual([request, request]);
    const waiting = queue.wait({ timeoutMs: 60_000 });
    setImmediate(arrive);
    expect(await waiting).toEqual([request]);
    expect(queue.take()).toEqual([]);
  });

  it("ends with nothing after the time-out, and keeps what comes later", async () => {
    const queue = ioas.createFaultQueue();
    expect(await queue.wait({ timeoutMs: 0 })).toEqual([]);
    expect(await queue.wait({ timeoutMs: 10 })).toEqual([]);
    arrive();
    expect(await queue.wait({ timeoutMs: 0 })).toEqual([request]);
  });

  it("is aborted before or while it waits, and loses nothing", async () => {
    const queue = ioas.createFaultQueue();
    const controller = new AbortController();
    const waiting = queue.wait({ signal: controller.signal });
    controller.abort("enough");
    await expect(waiting).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "enough" });
    arrive();
    await expect(queue.wait({ signal: controller.signal })).rejects.toEqual(failing("ERR_ABORTED"));
    expect(await queue.wait()).toEqual([request]);
  });

  it("ends when the queue is closed, and is one call's at a time", async () => {
    const queue = ioas.createFaultQueue();
    const waiting = queue.wait();
    await expect(queue.wait()).rejects.toEqual(failing("ERR_BUSY"));
    queue.close();
    await expect(waiting).rejects.toEqual(failing("ERR_CLOSED"));
    await expect(queue.wait()).rejects.toEqual(failing("ERR_CLOSED"));
  });

  it.each([5, { timeoutMs: -1 }, { timeoutMs: 5n }, { signal: 5 }])("refuses %o", async (options) => {
    const queue = ioas.createFaultQueue();
    await expect(queue.wait(options as never)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_(INVALID_ARGUMENT|OUT_OF_RANGE)$/),
    });
  });
});

it("a page table that the kernel refuses does not count as using a queue", () => {
  const queue = ioas.createFaultQueue();
  const refuse = vi.spyOn(ioas.iommufd, "attempt").mockReturnValueOnce(-12);
  expect(() => ioas.createTable(1, { faults: queue })).toThrow(failing("ENOMEM"));
  refuse.mockRestore();
  queue.close();
  expect(() => ioas.createTable(1, { faults: queue })).toThrow(
    expect.objectContaining({ code: "ERR_CLOSED" }),
  );
});
