import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Ioas } from "./ioas.ts";
import { Iommufd } from "./iommufd.ts";
import { loadNative } from "./native.ts";
import { FakeKernel } from "./test/fake-kernel.ts";

const native = loadNative();
const coded = (code: string) =>
  expect.objectContaining({ code, message: expect.any(String), hint: expect.any(String) });

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
  expect(() => queue.close()).toThrow(coded("ERR_BUSY"));
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
  expect(() => queue.close()).toThrow(coded("ERR_BUSY"));
  kernel.objects.delete(1000);
  queue.close();
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

it("a page table that the kernel refuses does not count as using a queue", () => {
  const queue = ioas.createFaultQueue();
  const refuse = vi.spyOn(ioas.iommufd, "attempt").mockReturnValueOnce(-12);
  expect(() => ioas.createTable(1, { faults: queue })).toThrow(coded("ENOMEM"));
  refuse.mockRestore();
  queue.close();
  expect(() => ioas.createTable(1, { faults: queue })).toThrow(
    expect.objectContaining({ code: "ERR_CLOSED" }),
  );
});
