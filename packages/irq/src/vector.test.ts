import { failing } from "@userpci/interface/testing";
import { describe, expect, it, vi } from "vitest";
import { opened, turns } from "./testing/opened.ts";

describe("a vector", () => {
  it("fires itself for a loop-back test, and counts", async () => {
    const { vector } = opened();
    expect(vector.stats).toMatchObject({ count: 0, deliveries: 0, lastAt: undefined });
    const before = performance.now();
    vector.trigger();
    vector.trigger();
    expect(await vector.wait()).toBe(2);
    expect(vector.stats).toMatchObject({ count: 2, deliveries: 1 });
    expect(vector.stats.lastAt).toBeGreaterThanOrEqual(before);
  });

  it("tells when it last fired, inside its listener too, whoever asks when", async () => {
    const { vector } = opened();
    const seen: (number | undefined)[] = [];
    vector.on(() => seen.push(vector.stats.lastAt));
    for (let round = 0; round < 2; round++) {
      const before = performance.now();
      vector.trigger();
      await turns();
      const after = performance.now();
      expect(seen[round]).toBeGreaterThanOrEqual(before);
      expect(seen[round]).toBeLessThanOrEqual(after);
      expect(vector.stats.lastAt).toBe(seen[round]);
    }
  });

  it("cannot be masked where the kind cannot", () => {
    const { vector } = opened();
    expect(() => vector.mask()).toThrow(failing("ERR_NOT_SUPPORTED", /MSI vectors of .* cannot be masked/));
    expect(() => vector.unmask()).toThrow(failing("ERR_NOT_SUPPORTED"));
  });

  it("keeps the process alive only while somebody waits, and not after ref(false)", async () => {
    const { device, vector, target } = opened();
    const pending = vector.wait();
    await turns();
    expect(target.keepsAlive).toBe(true);
    vector.ref(false);
    expect(target.keepsAlive).toBe(false);
    vector.ref(true);
    expect(target.keepsAlive).toBe(true);
    device.fire("msi");
    await pending;
    expect(target.keepsAlive).toBe(false);
    const again = vector.wait();
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
    const timers = vi.spyOn(globalThis, "setTimeout");
    const isHeld = () => (timers.mock.results.at(-1)!.value as NodeJS.Timeout).hasRef();
    vector.ref(false);
    const unheld = vector.wait({ timeoutMs: 60_000 });
    expect([timers.mock.lastCall![1], isHeld()]).toEqual([60_000, false]);
    device.fire("msi");
    await unheld;
    vector.ref(true);
    const held = vector.wait({ timeoutMs: 50_000 });
    expect([timers.mock.lastCall![1], isHeld()]).toEqual([50_000, true]);
    device.fire("msi");
    await held;
    timers.mockRestore();
  });

  it("rejects a pending wait when it is closed, calls no listener, and refuses everything after", async () => {
    const { device, set, vector, target } = opened();
    const pending = vector.wait();
    await turns();
    device.fire("msi");
    set.close();
    const closed = failing("ERR_CLOSED", /MSI vector 0 of 0000:00:04.0 is closed/);
    await expect(pending).rejects.toEqual(closed);
    await turns();
    expect([target.closed, vector.closed]).toEqual([true, true]);
    await expect(vector.wait()).rejects.toEqual(closed);
    const calls = [
      () => vector.on(() => {}),
      () => vector.events(),
      () => vector.waitSync({ timeoutMs: 0 }),
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

describe("one reader at a time", () => {
  it("listeners keep out pulls, and the other way round", async () => {
    const { device, vector } = opened();
    const busy = failing("ERR_IRQ_BUSY", /MSI vector 0 of 0000:00:04.0 is read by 1 listener/);
    const subscription = vector.on(() => {});
    await expect(vector.wait()).rejects.toEqual(busy);
    await expect(vector.events().next()).rejects.toEqual(busy);
    expect(() => vector.take()).toThrow(busy);
    expect(() => vector.waitSync({ timeoutMs: 0 })).toThrow(busy);
    subscription.close();

    const pending = vector.wait();
    const waiting = failing("ERR_IRQ_BUSY", /a call of wait/);
    expect(() => vector.on(() => {})).toThrow(waiting);
    expect(() => vector.take()).toThrow(waiting);
    await expect(vector.wait()).rejects.toEqual(waiting);
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
    await expect(vector.wait()).rejects.toEqual(busy);
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
