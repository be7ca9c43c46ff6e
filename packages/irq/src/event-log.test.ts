import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventLog } from "./event-log.ts";
import { opened, turns } from "./testing/opened.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Writes down `times` deliveries of `count` events, `everyMs` apart. */
function deliver(log: EventLog, { times, count, everyMs }: Record<"times" | "count" | "everyMs", number>) {
  for (let i = 0; i < times; i++) {
    vi.advanceTimersByTime(everyMs);
    log.add(count);
    log.stamp();
  }
}

describe("the statistics of a vector", () => {
  it("begin with nothing", () => {
    expect(new EventLog().stats).toEqual({
      count: 0,
      deliveries: 0,
      coalescing: 0,
      largest: 0,
      rate: 0,
      lastAt: undefined,
      latency: undefined,
    });
  });

  it("tell how far events coalesce", () => {
    const log = new EventLog();
    for (const count of [1, 4, 1]) log.add(count);
    expect(log.stats).toMatchObject({ count: 6, deliveries: 3, coalescing: 2, largest: 4 });
  });

  it("tell the rate of a steady source, however its events coalesce", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 40 }), (count, everyMs) => {
        const log = new EventLog();
        deliver(log, { times: Math.ceil(8000 / everyMs), count, everyMs });
        const { rate } = log.stats;
        const steady = (count / everyMs) * 1000;
        expect(rate).toBeGreaterThan(steady * 0.97);
        expect(rate).toBeLessThan(steady * 1.03);
      }),
    );
  });

  it("tell that a source has stopped, without an event", () => {
    const log = new EventLog();
    deliver(log, { times: 5000, count: 1, everyMs: 1 });
    const { rate } = log.stats;
    vi.advanceTimersByTime(1000);
    expect(log.stats.rate / rate).toBeCloseTo(1 / Math.E, 2);
    vi.advanceTimersByTime(20_000);
    expect(log.stats.rate).toBeLessThan(0.001);
  });

  it("tell how long triggered events took until they were handed over, and no others", async () => {
    const { device, vector } = opened();
    for (const took of [5, 2, 8]) {
      vector.trigger();
      vi.advanceTimersByTime(took);
      expect(vector.take()).toBe(1);
      device.fire("msi");
      vi.advanceTimersByTime(100);
      vector.take();
    }
    expect(vector.stats.latency).toEqual({ count: 3, last: 8, min: 2, max: 8, mean: 5 });
  });

  it("tell when events came, or after a wait that may spin when the thread asked again", () => {
    const { device, vector } = opened();
    const now = performance.now();
    device.fire("msi");
    vector.waitSync();
    vi.advanceTimersByTime(40);
    expect(vector.stats.lastAt).toBe(now);
    device.fire("msi");
    vector.waitSync({ spinUs: 10 });
    vi.advanceTimersByTime(5);
    vector.waitSync({ timeoutMs: 0, spinUs: 10 });
    vi.advanceTimersByTime(40);
    expect(vector.stats.lastAt).toBe(now + 45);
  });

  it("count what a wait that may spin has handed over, whatever asks next", () => {
    const { device, vector } = opened();
    for (let i = 1; i <= 3; i++) {
      device.fire("msi");
      expect(vector.waitSync({ spinUs: 10 })).toBe(1);
      if (i < 3) expect(vector.take()).toBe(0);
    }
    expect(vector.stats).toMatchObject({ count: 3, deliveries: 3, largest: 1, latency: undefined });
  });

  it("tell how long a triggered event took until a wait that may spin handed it over", () => {
    const { device, vector } = opened();
    device.fire("msi");
    vector.waitSync({ spinUs: 10 });
    vector.trigger();
    vi.advanceTimersByTime(6);
    vector.waitSync({ spinUs: 10 });
    vi.advanceTimersByTime(50);
    expect(vector.stats).toMatchObject({ count: 2, latency: { count: 1, last: 6 } });
  });

  it("measure from the first of several triggers, and not what another thread reads", async () => {
    const { vector } = opened();
    vector.trigger();
    vi.advanceTimersByTime(3);
    vector.trigger();
    vi.advanceTimersByTime(4);
    expect([vector.take(), vector.stats.latency?.last]).toEqual([2, 7]);
    vector.share();
    vector.trigger();
    vector.unshare();
    vi.advanceTimersByTime(50);
    vector.on(() => {});
    await turns();
    expect(vector.stats).toMatchObject({ count: 3, latency: { count: 1 } });
  });

  it("tell of what was handed over, once it was, and of nothing that another thread gets", async () => {
    const { device, vector } = opened();
    device.fire("msi");
    await vector.wait();
    const before = vector.stats;
    device.fire("msi", 0, 4);
    await turns();
    expect(vector.stats).toEqual(before);
    vector.share();
    expect(vector.stats).toEqual(before);
    vector.unshare();
    expect(await vector.wait()).toBe(4);
    expect(vector.stats).toMatchObject({ count: 5, deliveries: 2, coalescing: 2.5, largest: 4 });
    device.fire("msi", 0, 2);
    await turns();
    device.fire("msi", 0, 3);
    expect(vector.take()).toBe(5);
    expect(vector.stats).toMatchObject({ count: 10, deliveries: 3, largest: 5 });
  });

  it("tell how long a triggered event took that had to wait to be asked for", async () => {
    const { device, vector } = opened();
    device.fire("msi");
    await vector.wait();
    vector.trigger();
    await turns();
    vi.advanceTimersByTime(7);
    expect(vector.stats.latency).toBeUndefined();
    expect(await vector.wait()).toBe(1);
    expect(vector.stats.latency).toEqual({ count: 1, last: 7, min: 7, max: 7, mean: 7 });
  });

  it("tell nothing of a trigger by an older event that had to wait to be asked for", async () => {
    const { device, vector } = opened();
    device.fire("msi");
    await vector.wait();
    device.fire("msi");
    await turns();
    vector.trigger();
    vi.advanceTimersByTime(7);
    expect(await vector.wait()).toBe(1);
    expect(await vector.wait()).toBe(1);
    expect(vector.stats).toMatchObject({ count: 3, latency: undefined });
  });
});
