import { describe, expect, it, vi } from "vitest";
import { EventfdTarget } from "./eventfd-target.ts";
import { loadNative } from "./native.ts";
import { message, startWorker } from "./test/environments.ts";

describe("a wait for an event", () => {
  it("is one call of the addon when the event is there", () => {
    const native = { ...loadNative() };
    const wait = vi.spyOn(native, "counterWait");
    using target = new EventfdTarget(native);
    target.signal(2);
    expect([target.waitSync(60_000, 20), wait.mock.calls]).toEqual([2, [[expect.anything(), 100, 20]]]);
  });

  it("spins first, then sleeps in slices until its time is over", () => {
    const native = { ...loadNative() };
    const wait = vi.spyOn(native, "counterWait");
    using target = new EventfdTarget(native);
    for (const timeoutMs of [0, 7, 100, 250]) {
      wait.mockClear();
      const start = performance.now();
      expect(target.waitSync(timeoutMs, 20)).toBe(0);
      expect(performance.now() - start).toBeGreaterThanOrEqual(timeoutMs);
      const slices = wait.mock.calls.map(([, slice]) => slice);
      expect(Math.max(...slices)).toBe(Math.min(timeoutMs, 100));
      expect(wait.mock.calls.map(([, , spinUs]) => spinUs)).toEqual([20, ...slices.slice(1).fill(0)]);
    }
  });

  it("gets what comes while it sleeps again", async () => {
    using target = new EventfdTarget(loadNative());
    const worker = startWorker(
      `parentPort.postMessage(0); setTimeout(() => native.counterAdd(workerData, 3), 150);`,
      target.fd,
    );
    await message(worker);
    expect(target.waitSync(60_000)).toBe(3);
    await worker.terminate();
  });

  it("says what failed, whichever slice it was", () => {
    const native = { ...loadNative() };
    using target = new EventfdTarget(native);
    const wait = vi.spyOn(native, "counterWait").mockReturnValueOnce(-9);
    expect(() => target.waitSync(500)).toThrow(expect.objectContaining({ code: "EBADF", syscall: "poll" }));
    wait.mockReturnValueOnce(0).mockReturnValueOnce(-9);
    expect(() => target.waitSync(500)).toThrow(expect.objectContaining({ code: "EBADF", syscall: "poll" }));
  });
});
