import { setImmediate as turn } from "node:timers/promises";
import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { opened, turns } from "./testing/opened.ts";

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
    expect([target.listening, target.listens]).toEqual([false, 1]);
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
