import { existsSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BindProgress } from "./progress.ts";
import { failure, NIC, useFakeSystem } from "./testing/fake-system.ts";

const system = useFakeSystem();

describe("unbind", () => {
  it("has nothing to do for a function on its own driver", async () => {
    expect(await system().unbind(NIC)).toEqual({
      address: NIC,
      driver: "e1000e",
      changed: false,
      boundAtBoot: null,
    });
    expect(system().kernel.log).toEqual([]);
  });

  it("lets the kernel choose for a function that somebody else bound", async () => {
    await system().bind(NIC);
    rmSync(system().journalPath(NIC));
    expect(await system().unbind(NIC)).toEqual({
      address: NIC,
      driver: "e1000e",
      changed: true,
      boundAtBoot: null,
    });
  });

  it("leaves a function alone that was bound to another driver since", async () => {
    await system().bind(NIC);
    await system().kernel.write(system().path("/sys/bus/pci/drivers/vfio-pci/unbind"), NIC);
    await system().kernel.write(system().path(`/sys/bus/pci/devices/${NIC}/driver_override`), "e1000");
    await system().kernel.write(system().path("/sys/bus/pci/drivers_probe"), NIC);
    expect(await system().unbind(NIC)).toEqual({
      address: NIC,
      driver: "e1000",
      changed: true,
      boundAtBoot: null,
    });
  });

  it("says that the former driver did not take the function back, and can be tried again", async () => {
    await system().bind(NIC);
    system().kernel.failOnce(/drivers_probe$/, "EINVAL");
    system().kernel.failOnce(/e1000e\/bind$/, "EIO");
    const error = await failure(system().unbind(NIC));
    expect(error).toMatchObject({ code: "ERR_BIND_FAILED", cause: { code: "EIO" } });
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("has nothing to do either where another call was quicker, and leaves an override that is none of ours", async () => {
    writeFileSync(system().path(`/sys/bus/pci/devices/${NIC}/driver_override`), "e1000e\n");
    await system().bind(NIC);
    let begin = () => {};
    const held = system().kernel.holdStart(new Promise((resolve) => (begin = resolve)));
    const slow = system().unbind(NIC);
    await held;
    await system().unbind(NIC);
    begin();
    expect(await slow).toEqual({ address: NIC, driver: "e1000e", changed: false, boundAtBoot: null });
    expect(await system().overrideOf(NIC)).toBe("e1000e");
  });

  it("takes a journal that is no journal for none", async () => {
    await system().bind(NIC);
    for (const text of [
      "",
      "{",
      "null",
      `{"version":1,"address":"${NIC}","formerOverride":null,"formerDriver":"../x","nodes":{},"user":null}`,
    ]) {
      writeFileSync(system().journalPath(NIC), text);
      expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
      await system().bind(NIC);
    }
  });
});

describe("a kernel that waits", () => {
  it("is waited for, and who holds the device is reported", async () => {
    await system().bind(NIC);
    system().addHolder();
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const waits: BindProgress[] = [];
    const onProgress = (progress: BindProgress) => {
      if (progress.elapsedMs === 0) return;
      waits.push(progress);
      letGo();
    };
    expect(await system().unbind(NIC, { onProgress, reportMs: 10 })).toMatchObject({ driver: "e1000e" });
    expect(waits[0]).toMatchObject({ step: "release", address: NIC, holders: [{ pid: 41 }] });
  });

  it("past the time-out leaves the journal, so that a second call completes the first", async () => {
    await system().bind(NIC);
    system().addHolder();
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const error = await failure(system().unbind(NIC, { timeoutMs: 20 }));
    expect(error).toMatchObject({
      code: "ERR_TIMEOUT",
      hint: expect.stringContaining("end pid 41 (node driver.js)"),
    });
    expect(system().driverOf(NIC)).toBeNull();
    letGo();
    expect(await system().unbind(NIC)).toEqual({
      address: NIC,
      driver: "e1000e",
      changed: true,
      boundAtBoot: null,
    });
  });

  it("is waited for by the second call too where somebody else bound the function", async () => {
    await system().bind(NIC);
    rmSync(system().journalPath(NIC));
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    for (let times = 0; times < 2; times++)
      expect(await failure(system().unbind(NIC, { timeoutMs: 20 }))).toMatchObject({ code: "ERR_TIMEOUT" });
    expect(system().driverOf(NIC)).toBeNull();
    letGo();
    expect(await system().unbind(NIC)).toEqual({
      address: NIC,
      driver: "e1000e",
      changed: true,
      boundAtBoot: null,
    });
    expect(existsSync(system().journalPath(NIC))).toBe(false);
    expect(await system().unbind(NIC)).toMatchObject({ changed: false, boundAtBoot: null });
  });

  it("is not written to again after an abort", async () => {
    system().kernel.holdUntil(/unbind$/, new Promise(() => {}));
    const abort = new AbortController();
    const binding = failure(system().bind(NIC, { signal: abort.signal }));
    await expect.poll(() => system().kernel.log.at(-1)).toMatch(/driver\/unbind < /);
    abort.abort();
    expect(await binding).toMatchObject({
      code: "ERR_ABORTED",
      message: expect.stringContaining("e1000e to let go"),
    });
    expect(system().kernel.log.at(-1)).toMatch(/driver\/unbind < /);
    expect(existsSync(system().journalPath(NIC))).toBe(true);
  });
});
