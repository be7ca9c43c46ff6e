import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BindProgress, BindStep } from "./progress.ts";
import { EDU, NIC, OLD, useFakeSystem } from "./testing/fake-system.ts";

const system = useFakeSystem();

/** A caller whose callback throws, again and again, from a step on. */
function throwingAt(step: BindStep) {
  const error = new Error(`the caller's own, at ${step}`);
  let begun = false;
  const onProgress = (progress: BindProgress) => {
    begun ||= progress.step === step;
    if (begun) throw error;
  };
  return { error, onProgress };
}

describe("an onProgress that throws", () => {
  it.each<[string, BindStep, string | null]>([
    [NIC, "override", "e1000e"],
    [NIC, "release", "e1000e"],
    [NIC, "probe", "e1000e"],
    [NIC, "verify", "e1000e"],
    [NIC, "permit", "e1000e"],
    [EDU, "verify", null],
    [OLD, "release", "e1000"],
    [OLD, "probe", "e1000"],
  ])("while %s is bound, at %s, has the function back on its driver", async (address, step, driver) => {
    const { error, onProgress } = throwingAt(step);
    await expect(system().bind(address, { user: "alice", onProgress })).rejects.toBe(error);
    expect(system().driverOf(address)).toBe(driver);
    expect((await system().overrideOf(address)) ?? null).toBeNull();
    expect(existsSync(system().journalPath(address))).toBe(false);
  });

  it("may throw anything, also where the function cannot be given back", async () => {
    system().kernel.failOnce(/drivers_probe$/, "EBUSY");
    const onProgress = ({ step }: BindProgress) => {
      if (step === "probe") throw null;
    };
    await expect(system().bind(NIC, { onProgress })).rejects.toMatchObject({
      code: "ERR_BIND_FAILED",
      message: expect.stringMatching(/^null; and 0000:01:00.0 could not be given back: .*EBUSY/),
    });
  });

  it.each<BindStep>(["override", "release", "probe", "verify"])(
    "while a function is given back, at %s, does not keep it from its driver",
    async (step) => {
      await system().bind(NIC, { user: "alice" });
      const { error, onProgress } = throwingAt(step);
      await expect(system().unbind(NIC, { onProgress })).rejects.toBe(error);
      expect(system().driverOf(NIC)).toBe("e1000e");
      expect(existsSync(system().journalPath(NIC))).toBe(false);
    },
  );

  it("while the kernel keeps a binding waiting, stops it as an abort does", async () => {
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const own = new Error("enough");
    const onProgress = ({ elapsedMs }: BindProgress) => {
      if (elapsedMs > 0) throw own;
    };
    await expect(system().bind(NIC, { onProgress, reportMs: 10 })).rejects.toMatchObject({
      code: "ERR_ABORTED",
      message: expect.stringContaining("e1000e to let go"),
      hint: expect.stringContaining(`then: sudo userpci unbind ${NIC}`),
      cause: own,
    });
    letGo();
    await expect.poll(() => system().driverOf(NIC)).toBeNull();
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });
});
