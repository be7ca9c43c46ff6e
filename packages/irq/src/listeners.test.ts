import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { opened, turns } from "./testing/opened.ts";

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
    expect(await vector.wait()).toBe(2);
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
