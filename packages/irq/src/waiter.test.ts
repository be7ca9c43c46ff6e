import { PciError } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { afterEach, describe, expect, it, vi } from "vitest";
import { opened, turns } from "./testing/opened.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("wait", () => {
  it("resolves with the coalesced count, at once if events are there", async () => {
    const { device, vector } = opened();
    device.fire("msi", 0, 2);
    device.fire("msi", 0, 3);
    expect(await vector.wait()).toBe(5);
    const pending = vector.wait();
    device.fire("msi");
    expect(await pending).toBe(1);
  });

  it("loses nothing that comes between two calls, however long that takes", async () => {
    const { device, vector, target } = opened();
    let [sent, got] = [0, 0];
    for (let round = 1; round < 60; round++) {
      const pending = vector.wait();
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
    expect(await vector.wait({ timeoutMs: 5 })).toBe(0);
    expect(await vector.wait({ timeoutMs: 0 })).toBe(0);
    device.fire("msi", 0, 2);
    await turns();
    expect(await vector.wait({ timeoutMs: 1000 })).toBe(2);
  });

  it("resolves to what has come by the time-out, though the thread was held up until then", async () => {
    const { device, vector, target } = opened();
    // In the turn that follows, timers are called first.
    await turns();
    const pending = vector.wait({ timeoutMs: 5 });
    device.fire("msi", 0, 2);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    expect(await pending).toBe(2);
    expect([vector.take(), vector.stats.count]).toEqual([0, 2]);
    await turns();
    const closed = vector.wait({ timeoutMs: 5 });
    target.take = () => {
      throw new PciError("ERR_CLOSED", "the lender has closed it");
    };
    await expect(closed).rejects.toEqual(failing("ERR_CLOSED"));
  });

  it("masks INTx for what it finds at the time-out, until it is asked again", async () => {
    const { device, vector } = opened("intx");
    await turns();
    const pending = vector.wait({ timeoutMs: 5 });
    device.raise();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    expect([await pending, device.masked.size]).toEqual([1, 1]);
    device.asserted = false;
    expect([await vector.wait({ timeoutMs: 0 }), device.masked.size]).toEqual([0, 0]);
  });

  it.each([
    ["options", null],
    ["options", 5],
    ["signal", { signal: {} }],
    ["signal", { signal: null }],
    ["timeoutMs", { timeoutMs: 5n }],
  ])("refuses %s of another type, and stays free for the next reader", async (name, options) => {
    const { device, vector } = opened();
    const refused = failing("ERR_INVALID_ARGUMENT", new RegExp(`^${name} must be`));
    await expect(vector.wait(options as never)).rejects.toEqual(refused);
    if (name !== "timeoutMs") expect(() => vector.events(options as never)).toThrow(refused);
    if (name !== "signal") expect(() => vector.waitSync(options as never)).toThrow(refused);
    expect(() => vector.ref(1 as never)).toThrow(failing("ERR_INVALID_ARGUMENT", /^on must be a boolean/));
    device.fire("msi");
    expect(await vector.wait()).toBe(1);
  });

  it("is aborted by a signal, before or while it waits, and loses nothing", async () => {
    const { device, vector } = opened();
    const gone = AbortSignal.abort("why");
    await expect(vector.wait({ signal: gone })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      hint: "the signal that the call was given fired: its reason is the cause",
      cause: "why",
    });
    device.fire("msi");
    const polled = vector.wait({ signal: gone, timeoutMs: 0 });
    await expect(polled).rejects.toEqual(failing("ERR_ABORTED"));
    expect(vector.take()).toBe(1);
    const controller = new AbortController();
    const pending = vector.wait({ signal: controller.signal });
    controller.abort();
    await expect(pending).rejects.toEqual(failing("ERR_ABORTED"));
    device.fire("msi", 0, 7);
    await turns();
    expect(await vector.wait()).toBe(7);
  });

  it("leaves neither timer nor listener on the signal behind", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { device, vector } = opened();
    const { signal } = new AbortController();
    const [add, remove] = [vi.spyOn(signal, "addEventListener"), vi.spyOn(signal, "removeEventListener")];
    const pending = vector.wait({ signal, timeoutMs: 1000 });
    expect(vi.getTimerCount()).toBe(1);
    device.fire("msi");
    await pending;
    expect([vi.getTimerCount(), add.mock.calls.length, remove.mock.calls.length]).toEqual([0, 1, 1]);
  });

  it("needs no more of a timer than a browser's, which is a number", async () => {
    vi.stubGlobal("setTimeout", (call: () => void) => {
      queueMicrotask(call);
      return 1;
    });
    const { vector } = opened();
    vector.ref(false);
    expect(await vector.wait({ timeoutMs: 1000 })).toBe(0);
  });

  it.each([-1, 2 ** 31, Number.NaN, 1.5])("refuses a time-out of %s", async (timeoutMs) => {
    const { vector } = opened();
    const code = Number.isInteger(timeoutMs) ? "ERR_OUT_OF_RANGE" : "ERR_INVALID_ARGUMENT";
    await expect(vector.wait({ timeoutMs })).rejects.toEqual(failing(code));
    expect(() => vector.waitSync({ timeoutMs })).toThrow(failing(code));
  });
});

describe("a hybrid wait", () => {
  it("spins for its budget before it sleeps, and rearms once", async () => {
    const { device, vector, target } = opened();
    expect(vector.waitSync({ timeoutMs: 7, spinUs: 50 })).toBe(0);
    expect(await vector.wait({ timeoutMs: 0, spinUs: 60 })).toBe(0);
    expect(await vector.wait({ timeoutMs: 1, spinUs: 70 })).toBe(0);
    expect(target.waits).toEqual([
      [7, 50],
      [0, 60],
      [0, 70],
    ]);
    target.duringWait = () => device.fire("msi", 0, 2);
    expect(await vector.wait({ spinUs: 10 })).toBe(2);
    expect(target.listening).toBe(false);
  });

  it("sleeps when its budget is spent, and loses nothing then", async () => {
    const { device, vector } = opened();
    const got: number[] = [];
    const loop = (async () => {
      for await (const count of vector.events({ spinUs: 5 })) if (got.push(count) === 3) break;
    })();
    for (let i = 1; i <= 3; i++) {
      await turns();
      device.fire("msi", 0, i);
      await turns();
    }
    await loop;
    expect(got).toEqual([1, 2, 3]);
  });

  it("takes what came at first, without spinning", async () => {
    const { device, vector, target } = opened();
    device.fire("msi");
    await vector.wait();
    device.fire("msi", 0, 4);
    await turns();
    expect([await vector.wait({ spinUs: 10 }), target.waits]).toEqual([4, []]);
  });

  it.each([-1, 1_000_001, Number.NaN, 0.5, "1"])("refuses a budget of %s", async (spinUs) => {
    const { vector } = opened();
    const code = Number.isInteger(spinUs) ? "ERR_OUT_OF_RANGE" : "ERR_INVALID_ARGUMENT";
    const refused = failing(code, /^spinUs/);
    await expect(vector.wait({ spinUs: spinUs as number })).rejects.toEqual(refused);
    expect(() => vector.waitSync({ spinUs: spinUs as number })).toThrow(refused);
    expect(() => vector.events({ spinUs: spinUs as number })).toThrow(refused);
  });
});

describe("waitSync and take", () => {
  it("return what came, what comes while blocking, and 0 otherwise", () => {
    const { device, vector, target } = opened();
    expect([vector.take(), vector.waitSync({ timeoutMs: 10 })]).toEqual([0, 0]);
    device.fire("msi", 0, 3);
    expect(vector.waitSync({ timeoutMs: 10 })).toBe(3);
    target.duringWait = () => device.fire("msi", 0, 2);
    expect(vector.waitSync({ timeoutMs: 10 })).toBe(2);
  });

  it("blocks past every time-out of the target where no limit was given", () => {
    const { device, vector, target } = opened();
    let waits = 0;
    target.duringWait = () => {
      if (++waits === 3) device.fire("msi");
    };
    expect([vector.waitSync(), waits]).toEqual([1, 3]);
  });

  it("find what a listening pull had put aside", async () => {
    const { device, vector } = opened();
    device.fire("msi");
    await vector.wait();
    device.fire("msi", 0, 4);
    await turns();
    device.fire("msi", 0, 5);
    expect(vector.waitSync({ timeoutMs: 0 })).toBe(4);
    expect(vector.waitSync({ timeoutMs: 0 })).toBe(5);
    expect(vector.stats).toMatchObject({ count: 10, deliveries: 3 });
  });
});
