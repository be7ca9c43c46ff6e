import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { NIC, WaitingMachine } from "./waiting-machine.ts";

let machine: WaitingMachine;
beforeEach(() => {
  machine = new WaitingMachine();
});
afterEach(() => machine[Symbol.dispose]());

const state = (kind: "json" | "lock") => machine.state(kind);

describe("a function that another process is at", () => {
  it.each(["bind", "unbind"] as const)("is refused to %s, which is told whose it is", async (action) => {
    const { child } = await machine.startWaiting("bind");
    const refused = await machine.start(action, "").outcome;
    expect(refused).toMatchObject({
      code: "ERR_BUSY",
      message: expect.stringMatching(new RegExp(`^pid ${child.pid} \\(.*\\) is binding ${NIC}, since 20`)),
      hint: expect.stringContaining("userpci show"),
      details: { pid: child.pid, action: "bind" },
    });
    expect(state("json").formerDriver).toBe("e1000e");
    child.kill();
    await machine.letGo();
  });

  it("is waited for if that process has left it to the kernel", async () => {
    await machine.start("bind", "timeoutMs: 3000").ended;
    const late = machine.start("unbind", "timeoutMs: 3000");
    expect(await late.outcome).toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringMatching(
        new RegExp(
          `the kernel, which is still at an earlier bind of ${NIC} \\(in pid ${state("lock").writer.pid}\\)`,
        ),
      ),
    });
    // It has the lock, and gets no further than the driver, which has not changed its mind.
    const next = machine.startWaiting("bind", "timeoutMs: 30_000");
    expect(await machine.letGo()).toBe(NIC);
    const { child } = await next;
    expect(state("lock").caller.pid).toBe(child.pid);
    child.kill();
    expect(await machine.letGo()).toBe(NIC);
  });

  it("is free if that process was killed, and the one that writes for it", async () => {
    const { child, ended } = await machine.startWaiting("bind");
    const { writer } = state("lock");
    child.kill("SIGKILL");
    await ended;
    process.kill(writer.pid, "SIGKILL");
    const next = await machine.startWaiting("bind");
    expect(state("lock").caller.pid).toBe(next.child.pid);
    expect(state("json").formerDriver).toBe("e1000e");
    next.child.kill();
    await machine.letGo();
  });
});
