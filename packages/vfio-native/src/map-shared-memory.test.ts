import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { failing } from "@userpci/interface/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mapSharedMemory } from "./map-shared-memory.ts";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative } from "./native.ts";
import { ended, message } from "./test/environments.ts";

const native = loadNative();
const source = new MemfdSource();
const COMPILED = new URL("../dist/map-shared-memory.js", import.meta.url).href;
const PAGE = native.pageSize();
let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

/** A thread that adopts memory, writes into its first byte, and closes it when it is told that the other has. */
function startReader(shared: unknown): Worker {
  const body = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(${JSON.stringify(COMPILED)}).then(({ mapSharedMemory }) => {
      const memory = mapSharedMemory(workerData, () => {
        const bytes = new Uint8Array(memory.buffer);
        const last = bytes[1];
        memory.close();
        parentPort.postMessage(["ended", last, bytes.length]);
        parentPort.close();
      });
      new Uint8Array(memory.buffer)[0] = 7;
      parentPort.postMessage("adopted");
      parentPort.on("message", () => undefined);
    });`;
  return new Worker(body, { eval: true, workerData: shared });
}

describe("memory that another thread adopts", () => {
  it("is the same memory, and stays the other's when its own thread closes it", async () => {
    const memory = source.alloc(PAGE);
    const bytes = new Uint8Array(memory.buffer);
    const worker = startReader(memory.share!());
    expect(await message(worker)).toBe("adopted");
    bytes[1] = 9;
    expect(bytes[0]).toBe(7);
    const told = message(worker);
    memory.close();
    expect(await told).toEqual(["ended", 9, 0]);
    await ended(worker);
  });

  it("can be adopted by many, and closed by each", () => {
    const memory = source.alloc(2 * PAGE, { label: "shared" });
    const adopted = Array.from({ length: 3 }, () => mapSharedMemory(structuredClone(memory.share!())));
    for (const each of adopted) expect([each.size, each.buffer.byteLength]).toEqual([2 * PAGE, 2 * PAGE]);
    new Uint8Array(memory.buffer)[PAGE] = 5;
    const [first, second, third] = adopted.map((each) => new Uint8Array(each.buffer));
    adopted[0]!.close();
    adopted[0]!.close();
    expect([first!.length, second![PAGE], adopted[0]!.ended, adopted[1]!.ended]).toEqual([0, 5, true, false]);
    memory.close();
    expect([third![PAGE], adopted[1]!.ended]).toEqual([5, true]);
    for (const each of adopted) each.close();
  });

  it("is closed by itself when its own thread has closed it, unless something else is to happen", async () => {
    const memory = source.alloc(PAGE);
    const adopted = mapSharedMemory(memory.share!());
    memory.close();
    expect(adopted.closed).toBe(false);
    await expect.poll(() => [adopted.closed, adopted.buffer.byteLength]).toEqual([true, 0]);
  });

  it("tells once that its own thread has closed it, also where it stays adopted", async () => {
    const memory = source.alloc(PAGE);
    let calls = 0;
    using adopted = mapSharedMemory(memory.share!(), () => {
      calls += 1;
    });
    memory.close();
    await expect.poll(() => calls).toBe(1);
    await delay(5);
    expect([calls, adopted.closed, adopted.ended]).toEqual([1, false, true]);
  });

  it("is refused with another size than it has, whose bytes could not be reached", () => {
    using memory = source.alloc(2 * PAGE);
    for (const size of [PAGE, 3 * PAGE]) {
      expect(() => mapSharedMemory({ ...memory.share!(), size } as never)).toThrow(
        failing("ERR_INVALID_ARGUMENT"),
      );
    }
  });

  it("cannot be adopted any more once it is closed, also when its numbers are other files'", () => {
    const memory = source.alloc(PAGE);
    const shared = memory.share!();
    memory.close();
    expect(() => mapSharedMemory(shared)).toThrow(failing("ERR_CLOSED"));
    using other = source.alloc(PAGE);
    other.share!();
    expect(() => mapSharedMemory(shared)).toThrow(failing("ERR_CLOSED"));
    expect(() => memory.share!()).toThrow(failing("ERR_CLOSED"));
  });

  it.each([undefined, {}, "memory", { type: "eventfd", fd: 3 }, { type: "memfd", fd: 3, size: 4096 }])(
    "is refused where it is none: %o",
    (shared) => {
      expect(() => mapSharedMemory(shared as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    },
  );
});
