import { PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { opened, turns } from "./testing/opened.ts";
import type { Vector } from "./vector.ts";

/** What was thrown where nobody could catch it. */
async function uncaughtOf(work: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = [];
  const others = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error));
  try {
    await work();
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const other of others) process.on("uncaughtException", other);
  }
  return uncaught;
}

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

  it.each(["before", "after"])(
    "stays masked until a listener that came %s it fired, and adds another, has acknowledged",
    async (since) => {
      const { device, vector } = opened("intx");
      const counts: number[] = [];
      const listen = (): unknown =>
        vector.on((count) => {
          if (counts.push(count) === 1) vector.on((other) => counts.push(other));
          device.asserted = false;
        });
      if (since === "before") listen();
      else await vector.wait({ timeoutMs: 1 });
      device.raise();
      await turns();
      if (since === "after") listen();
      await turns(10);
      expect([counts, device.asserted, device.masked.size]).toEqual([[1], false, 0]);
    },
  );

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

  it.each<[string, (vector: Vector) => unknown]>([
    ["waitSync", (vector) => vector.waitSync({ timeoutMs: 0 })],
    ["take", (vector) => vector.take()],
    ["wait", (vector) => vector.wait({ timeoutMs: 1 })],
    ["on", (vector) => vector.on(() => {}).close()],
  ])("is unmasked by the next %s", async (_, ask) => {
    const { device, vector } = opened("intx");
    device.fire("intx");
    expect(vector.waitSync({ timeoutMs: 0 })).toBe(1);
    expect(device.masked.has("intx/0")).toBe(true);
    await ask(vector);
    expect(device.masked.has("intx/0")).toBe(false);
  });

  it("is not unmasked before an event that nobody has seen yet is handed over", async () => {
    const { device, vector } = opened("intx");
    expect(await vector.wait({ timeoutMs: 1 })).toBe(0);
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
    vector.on(() => {});
    device.errors.unmaskIrqs = new PciError("EIO", "no unmask");
    const uncaught = await uncaughtOf(async () => {
      device.fire("intx");
      await turns();
    });
    expect(uncaught).toEqual([device.errors.unmaskIrqs]);
  });

  it("is unmasked by the next who asks when an unmask has failed", async () => {
    const { device, vector } = opened("intx");
    const seen: number[] = [];
    vector.on((count) => seen.push(count));
    device.errors.unmaskIrqs = new PciError("ERR_RESETTING", "it is being reset");
    await uncaughtOf(async () => {
      device.fire("intx");
      await turns();
    });
    expect([seen, device.masked.has("intx/0")]).toEqual([[1], true]);
    delete device.errors.unmaskIrqs;
    vector.on(() => {});
    expect(device.masked.has("intx/0")).toBe(false);
    device.fire("intx");
    await turns();
    expect(seen).toEqual([1, 1]);
  });
});
