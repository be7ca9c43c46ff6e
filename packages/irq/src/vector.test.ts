import { setImmediate as turn } from "node:timers/promises";
import { PciError } from "@userpci/interface";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Irqs } from "./irqs.ts";
import { TestDevice } from "./testing/device.ts";

const failing = (code: string, message: RegExp = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

function opened(kind: "msi" | "intx" = "msi") {
  const device = new TestDevice({ intx: 1, msi: 1 });
  const set = new Irqs(device).enable(kind);
  return { device, set, vector: set.at(0), target: device.targets[0]! };
}
const turns = async (count = 3) => {
  for (let i = 0; i < count; i++) await turn();
};

afterEach(() => vi.useRealTimers());

describe("listeners", () => {
  it("are all told of every event, until each subscription ends", async () => {
    const { device, vector, target } = opened();
    const [a, b]: [number[], number[]] = [[], []];
    const first = vector.on((count) => a.push(count));
    const second = vector.on((count) => b.push(count));
    device.fire("msi", 0, 3);
    await turns();
    first.close();
    first.close();
    device.fire("msi");
    await turns();
    expect([a, b]).toEqual([[3], [3, 1]]);
    second[Symbol.dispose]();
    expect([target.listening, target.listens]).toEqual([false, 1]);
    device.fire("msi", 0, 5);
    await turns();
    expect(vector.take()).toBe(5);
  });

  it("get the events that came before the first of them", async () => {
    const { device, vector } = opened();
    device.fire("msi", 0, 2);
    expect(await vector.next()).toBe(2);
    device.fire("msi", 0, 4);
    await turns();
    const got: number[] = [];
    vector.on((count) => got.push(count));
    device.fire("msi");
    await turns();
    expect(got.reduce((sum, count) => sum + count, 0)).toBe(5);
  });

  it("may end themselves and others while being called", async () => {
    const { device, vector } = opened();
    const got: string[] = [];
    const first = vector.on(() => {
      got.push("a");
      first.close();
    });
    vector.on(() => got.push("b"));
    device.fire("msi");
    await turns();
    device.fire("msi");
    await turns();
    expect(got).toEqual(["a", "b", "b"]);
  });

  it("that throw stop nobody, and become uncaught exceptions", async () => {
    const { device, vector } = opened("intx");
    const got: number[] = [];
    const broken = new Error("broken listener");
    const uncaught: unknown[] = [];
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.push(error));
    try {
      vector.on(() => {
        throw broken;
      });
      vector.on((count) => got.push(count));
      device.fire("intx");
      await turns();
      device.fire("intx");
      await turns();
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const other of others) process.on("uncaughtException", other);
    }
    expect([got, uncaught]).toEqual([
      [1, 1],
      [broken, broken],
    ]);
    expect(device.masked.size).toBe(0);
  });

  it("must be functions", () => {
    const { vector, target } = opened();
    expect(() => vector.on("x" as unknown as () => void)).toThrow(failing("ERR_INVALID_ARGUMENT", /string/));
    expect(target.listening).toBe(false);
  });

  it("may end each other or close the set in the middle of a delivery, and are not called after", async () => {
    const { device, set, vector } = opened("intx");
    const calls: string[] = [];
    vector.on(() => {
      calls.push("a");
      second.close();
      if (calls.length > 2) set.close();
    });
    const second = vector.on(() => calls.push("b"));
    vector.on(() => calls.push("c"));
    device.raise();
    await turns(6);
    expect([calls, vector.closed, device.enabled.size]).toEqual([["a", "c", "a"], true, 0]);
  });
});

describe("next", () => {
  it("resolves with the coalesced count, at once if events are there", async () => {
    const { device, vector } = opened();
    device.fire("msi", 0, 2);
    device.fire("msi", 0, 3);
    expect(await vector.next()).toBe(5);
    const pending = vector.next();
    device.fire("msi");
    expect(await pending).toBe(1);
  });

  it("loses nothing that comes between two calls, however long that takes", async () => {
    const { device, vector, target } = opened();
    let [sent, got] = [0, 0];
    for (let round = 1; round < 60; round++) {
      const pending = vector.next();
      for (let i = 0; i < 1 + (round % 5); i++) {
        device.fire("msi", 0, round);
        sent += round;
        if (round % 3 === 0) await turns(1 + (i % 2));
      }
      got += await pending;
    }
    got += vector.take();
    expect(got).toBe(sent);
    expect(target.listening).toBe(false);
  });

  it("resolves to 0 after the time-out, and keeps what comes later", async () => {
    const { device, vector } = opened();
    expect(await vector.next({ timeoutMs: 5 })).toBe(0);
    expect(await vector.next({ timeoutMs: 0 })).toBe(0);
    device.fire("msi", 0, 2);
    await turns();
    expect(await vector.next({ timeoutMs: 1000 })).toBe(2);
  });

  it("is aborted by a signal, before or while it waits, and loses nothing", async () => {
    const { device, vector } = opened();
    const gone = AbortSignal.abort("why");
    await expect(vector.next({ signal: gone })).rejects.toMatchObject({ code: "ERR_ABORTED", cause: "why" });
    const controller = new AbortController();
    const pending = vector.next({ signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toEqual(failing("ERR_ABORTED"));
    device.fire("msi", 0, 7);
    await turns();
    expect(await vector.next()).toBe(7);
  });

  it("leaves neither timer nor listener on the signal behind", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { device, vector } = opened();
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, "addEventListener"), vi.spyOn(signal, "removeEventListener")];
    const pending = vector.next({ signal, timeoutMs: 1000 });
    expect(vi.getTimerCount()).toBe(1);
    device.fire("msi");
    await pending;
    expect([vi.getTimerCount(), add.mock.calls.length, remove.mock.calls.length]).toEqual([0, 1, 1]);
  });

  it.each([-1, 2 ** 31, Number.NaN, 1.5])("refuses a time-out of %s", async (timeoutMs) => {
    const { vector } = opened();
    const code = Number.isInteger(timeoutMs) ? "ERR_OUT_OF_RANGE" : "ERR_INVALID_ARGUMENT";
    await expect(vector.next({ timeoutMs })).rejects.toEqual(failing(code));
    expect(() => vector.waitSync(timeoutMs)).toThrow(failing(code));
  });
});

describe("the async iterator", () => {
  it("gives every event, counted, with a slow body too", async () => {
    const { device, vector } = opened();
    let [sent, got, steps] = [0, 0, 0];
    const sender = (async () => {
      for (let i = 1; i <= 40; i++) {
        device.fire("msi", 0, i);
        sent += i;
        if (i % 3 === 0) await turn();
      }
    })();
    for await (const count of vector) {
      expect(count).toBeGreaterThan(0);
      got += count;
      if (++steps % 2 === 0) await turns(2);
      if (got === 820) break;
    }
    await sender;
    expect(got).toBe(sent);
    expect(steps).toBeLessThan(40);
  });

  it("wakes a slow consumer once, not for each event", async () => {
    const { device, vector, target } = opened();
    const iterator = vector.events();
    const first = iterator.next();
    device.fire("msi");
    await first;
    for (let i = 0; i < 10; i++) {
      device.fire("msi");
      await turns();
    }
    expect(target.listening).toBe(false);
    expect(vector.stats.deliveries).toBe(2);
    expect([(await iterator.next()).value, (await iterator.next()).value]).toEqual([1, 9]);
  });

  it("ends with `break`, and frees the vector for others", async () => {
    const { device, vector, target } = opened();
    device.fire("msi");
    for await (const _ of vector) break;
    expect(target.listening).toBe(false);
    vector.on(() => {}).close();
  });

  it("ends with ERR_ABORTED when the signal fires, and frees the vector", async () => {
    const { device, vector } = opened();
    const controller = new AbortController();
    const got: number[] = [];
    const loop = (async () => {
      for await (const count of vector.events({ signal: controller.signal })) got.push(count);
    })();
    device.fire("msi", 0, 2);
    await turns();
    controller.abort();
    await expect(loop).rejects.toEqual(failing("ERR_ABORTED"));
    device.fire("msi", 0, 3);
    await turns();
    expect([got, vector.take()]).toEqual([[2], 3]);
  });

  it("is done when the set closes, also in the middle of a step", async () => {
    const { set, vector } = opened();
    const iterator = vector.events();
    const step = iterator.next();
    await turns();
    set.close();
    expect(await step).toEqual({ value: undefined, done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(() => vector.events()).toThrow(failing("ERR_CLOSED"));
  });

  it("ends a pending step when it is returned", async () => {
    const { vector } = opened();
    const iterator = vector.events();
    const step = iterator.next();
    await turns();
    await iterator.return?.();
    expect(await step).toEqual({ value: undefined, done: true });
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
  });
});

describe("one reader at a time", () => {
  it("listeners keep out pulls, and the other way round", async () => {
    const { device, vector } = opened();
    const busy = failing("ERR_IRQ_BUSY", /MSI vector 0 of 0000:00:04.0 is read by 1 listener/);
    const subscription = vector.on(() => {});
    await expect(vector.next()).rejects.toEqual(busy);
    await expect(vector.events().next()).rejects.toEqual(busy);
    expect(() => vector.take()).toThrow(busy);
    expect(() => vector.waitSync(0)).toThrow(busy);
    subscription.close();

    const pending = vector.next();
    const waiting = failing("ERR_IRQ_BUSY", /a call of next/);
    expect(() => vector.on(() => {})).toThrow(waiting);
    expect(() => vector.take()).toThrow(waiting);
    await expect(vector.next()).rejects.toEqual(waiting);
    device.fire("msi");
    expect(await pending).toBe(1);
    vector.on(() => {}).close();
  });

  it("an iterator keeps out all others from its first step until it ends", async () => {
    const { device, vector } = opened();
    const iterator = vector.events();
    vector.take();
    device.fire("msi");
    await iterator.next();
    const busy = failing("ERR_IRQ_BUSY", /an iterator/);
    expect(() => vector.on(() => {})).toThrow(busy);
    expect(() => vector.take()).toThrow(busy);
    await expect(vector.next()).rejects.toEqual(busy);
    await expect(vector.events().next()).rejects.toEqual(busy);
    await iterator.return?.();
    expect(vector.take()).toBe(0);
  });

  it("two steps at once refuse the second, and the first goes on", async () => {
    const { device, vector } = opened();
    const iterator = vector.events();
    const first = iterator.next();
    await expect(iterator.next()).rejects.toEqual(failing("ERR_IRQ_BUSY"));
    device.fire("msi");
    expect(await first).toEqual({ value: 1, done: false });
    await iterator.return?.();
  });
});

describe("waitSync and take", () => {
  it("return what came, what comes while blocking, and 0 otherwise", () => {
    const { device, vector, target } = opened();
    expect([vector.take(), vector.waitSync(10)]).toEqual([0, 0]);
    device.fire("msi", 0, 3);
    expect(vector.waitSync(10)).toBe(3);
    target.duringWait = () => device.fire("msi", 0, 2);
    expect(vector.waitSync(10)).toBe(2);
  });

  it("find what a listening pull had put aside", async () => {
    const { device, vector } = opened();
    device.fire("msi");
    await vector.next();
    device.fire("msi", 0, 4);
    await turns();
    device.fire("msi", 0, 5);
    expect(vector.waitSync(0)).toBe(4);
    expect(vector.waitSync(0)).toBe(5);
    expect(vector.stats).toMatchObject({ count: 10, deliveries: 3 });
  });
});

describe("INTx", () => {
  it("is unmasked after the last listener, and fires once for one acknowledged raise", async () => {
    const { device, vector } = opened("intx");
    const maskedInside: boolean[] = [];
    vector.on(() => maskedInside.push(device.masked.has("intx/0")));
    vector.on(() => {
      device.asserted = false;
      maskedInside.push(device.masked.has("intx/0"));
    });
    device.raise();
    await turns();
    expect([maskedInside, device.masked.size]).toEqual([[true, true], 0]);
  });

  it("fires again when it was not acknowledged", async () => {
    const { device, vector } = opened("intx");
    let calls = 0;
    vector.on(() => {
      if (++calls === 3) device.asserted = false;
    });
    device.raise();
    await turns(10);
    expect(calls).toBe(3);
  });

  it("is unmasked when the iterator asks for the next, not before", async () => {
    const { device, vector } = opened("intx");
    const iterator = vector.events();
    const first = iterator.next();
    device.raise();
    expect(await first).toEqual({ value: 1, done: false });
    await turns();
    expect(device.masked.has("intx/0")).toBe(true);
    device.asserted = false;
    const second = iterator.next();
    await turns();
    expect(device.masked.has("intx/0")).toBe(false);
    device.raise();
    expect(await second).toEqual({ value: 1, done: false });
    await iterator.return?.();
  });

  it.each<[string, (vector: ReturnType<typeof opened>["vector"]) => unknown]>([
    ["waitSync", (vector) => vector.waitSync(0)],
    ["take", (vector) => vector.take()],
    ["next", (vector) => vector.next({ timeoutMs: 1 })],
    ["on", (vector) => vector.on(() => {}).close()],
  ])("is unmasked by the next %s", async (_, ask) => {
    const { device, vector } = opened("intx");
    device.fire("intx");
    expect(vector.waitSync(0)).toBe(1);
    expect(device.masked.has("intx/0")).toBe(true);
    await ask(vector);
    expect(device.masked.has("intx/0")).toBe(false);
  });

  it("is not unmasked before an event that nobody has seen yet is handed over", async () => {
    const { device, vector } = opened("intx");
    expect(await vector.next({ timeoutMs: 1 })).toBe(0);
    device.raise();
    await turns();
    expect(vector.take()).toBe(1);
    expect(device.masked.has("intx/0")).toBe(true);
    device.asserted = false;
    expect(vector.take()).toBe(0);
    expect(device.masked.has("intx/0")).toBe(false);
  });

  it("stays masked while the user holds it", async () => {
    const { device, vector } = opened("intx");
    vector.on(() => vector.mask());
    device.fire("intx");
    await turns();
    expect(device.masked.has("intx/0")).toBe(true);
    vector.unmask();
    expect(device.masked.has("intx/0")).toBe(false);
  });

  it("reports an unmask that fails after a listener as an uncaught exception", async () => {
    const { device, vector } = opened("intx");
    const uncaught: unknown[] = [];
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.push(error));
    try {
      vector.on(() => {});
      device.errors.unmaskIrqs = new PciError("EIO", "no unmask");
      device.fire("intx");
      await turns();
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const other of others) process.on("uncaughtException", other);
    }
    expect(uncaught).toEqual([device.errors.unmaskIrqs]);
  });
});

describe("a vector", () => {
  it("fires itself for a loop-back test, and counts", async () => {
    const { vector } = opened();
    expect(vector.stats).toEqual({ count: 0, deliveries: 0, lastAt: undefined });
    const before = performance.now();
    vector.trigger();
    vector.trigger();
    expect(await vector.next()).toBe(2);
    expect(vector.stats).toMatchObject({ count: 2, deliveries: 1 });
    expect(vector.stats.lastAt).toBeGreaterThanOrEqual(before);
  });

  it("cannot be masked where the kind cannot", () => {
    const { vector } = opened();
    expect(() => vector.mask()).toThrow(failing("ERR_NOT_SUPPORTED", /MSI vectors of .* cannot be masked/));
    expect(() => vector.unmask()).toThrow(failing("ERR_NOT_SUPPORTED"));
  });

  it("keeps the process alive only while somebody waits, and not after ref(false)", async () => {
    const { device, vector, target } = opened();
    const pending = vector.next();
    await turns();
    expect(target.keepsAlive).toBe(true);
    vector.ref(false);
    expect(target.keepsAlive).toBe(false);
    vector.ref(true);
    expect(target.keepsAlive).toBe(true);
    device.fire("msi");
    await pending;
    expect(target.keepsAlive).toBe(false);
    const again = vector.next();
    expect(target.keepsAlive).toBe(true);
    device.fire("msi");
    await again;
    vector.ref(false);
    const subscription = vector.on(() => {});
    expect(target.keepsAlive).toBe(false);
    vector.ref(true);
    expect(target.keepsAlive).toBe(true);
    subscription.close();
    expect(target.keepsAlive).toBe(false);
  });

  it("lets the process end in spite of a time-out after ref(false)", async () => {
    const { device, vector } = opened();
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    vector.ref(false);
    const unheld = vector.next({ timeoutMs: 60_000 });
    expect(timers()).toBe(before);
    device.fire("msi");
    await unheld;
    vector.ref(true);
    const held = vector.next({ timeoutMs: 60_000 });
    expect(timers()).toBe(before + 1);
    device.fire("msi");
    await held;
    expect(timers()).toBe(before);
  });

  it("rejects a pending next when it is closed, calls no listener, and refuses everything after", async () => {
    const { device, set, vector, target } = opened();
    const pending = vector.next();
    await turns();
    device.fire("msi");
    set.close();
    const closed = failing("ERR_CLOSED", /MSI vector 0 of 0000:00:04.0 is closed/);
    await expect(pending).rejects.toEqual(closed);
    await turns();
    expect([target.closed, vector.closed]).toEqual([true, true]);
    await expect(vector.next()).rejects.toEqual(closed);
    const calls = [
      () => vector.on(() => {}),
      () => vector.events(),
      () => vector.waitSync(0),
      () => vector.take(),
      () => vector.trigger(),
      () => vector.mask(),
      () => vector.unmask(),
      () => vector.ref(true),
    ];
    for (const call of calls) expect(call).toThrow(closed);
    expect(vector.stats.count).toBe(0);
  });
});
