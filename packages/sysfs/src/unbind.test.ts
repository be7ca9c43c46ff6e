import { existsSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { BindProgress } from "./driver.ts";
import { EDU, failure, NIC, useFakeSystem } from "./testing/fake-system.ts";
import { writeMachine } from "./testing/machine.ts";

const system = useFakeSystem();

describe("unbind", () => {
  it("has nothing to do for a function on its own driver", async () => {
    expect(await system().unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: false });
    expect(system().kernel.log).toEqual([]);
  });

  it("lets the kernel choose for a function that somebody else bound", async () => {
    await system().bind(NIC);
    rmSync(system().journalPath(NIC));
    expect(await system().unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: true });
  });

  it("leaves a function alone that was bound to another driver since", async () => {
    await system().bind(NIC);
    await system().kernel.write(system().path("/sys/bus/pci/drivers/vfio-pci/unbind"), NIC);
    await system().kernel.write(system().path(`/sys/bus/pci/devices/${NIC}/driver_override`), "e1000");
    await system().kernel.write(system().path("/sys/bus/pci/drivers_probe"), NIC);
    expect(await system().unbind(NIC)).toEqual({ address: NIC, driver: "e1000", changed: true });
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
    expect(await slow).toEqual({ address: NIC, driver: "e1000e", changed: false });
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
    letGo();
    await expect.poll(() => system().driverOf(NIC)).toBeNull();
    expect(await system().unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: true });
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

describe("permission", () => {
  it("makes the user the owner of the group node, and root again at the end", async () => {
    expect(await system().bind(NIC, { user: "alice" })).toMatchObject({ user: { uid: 1000, name: "alice" } });
    const { uid, gid } = process.getuid
      ? { uid: process.getuid(), gid: process.getgid!() }
      : { uid: 0, gid: 0 };
    expect(system().kernel.log.at(-1)).toBe(`/dev/vfio/6 < 1000:${gid} 660`);
    const entry = system().journal(NIC);
    expect(entry.nodes).toEqual({ "/dev/vfio/6": { uid, gid, mode: 0o600 } });
  });

  it("can be given later to a function that is bound already", async () => {
    await system().bind(NIC);
    expect(await system().bind(NIC, { user: 65534 })).toMatchObject({
      changed: false,
      user: { uid: 65534, name: "65534" },
    });
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("includes the device node and /dev/iommu where there is one, and keeps the latter while another needs it", async () => {
    useDeviceNodes();
    await system().bind(NIC, { user: "alice" });
    await system().bind(EDU, { user: 1000 });
    expect(owned()).toEqual([
      "/dev/vfio/6 < 1000",
      "/dev/vfio/devices/vfio0 < 1000",
      "/dev/iommu < 1000",
      "/dev/vfio/4 < 1000",
      "/dev/vfio/devices/vfio1 < 1000",
      "/dev/iommu < 1000",
    ]);
    const former = (address: string) => system().journal(address).nodes["/dev/iommu"]!;
    const { uid } = former(NIC);
    expect(former(EDU)).toEqual(former(NIC));

    system().kernel.log.length = 0;
    await system().unbind(NIC);
    expect(owned()).toContain("/dev/iommu < 1000");
    system().kernel.log.length = 0;
    await system().unbind(EDU);
    expect(owned()).toContain(`/dev/iommu < ${uid}`);
  });

  it("is refused, before anything is done, where another function's user would lose a node", async () => {
    useDeviceNodes();
    await system().bind(NIC, { user: "alice" });
    system().kernel.log.length = 0;
    const error = await failure(system().bind(EDU, { user: 2000 }));
    expect(error).toMatchObject({
      code: "ERR_NODE_TAKEN",
      message: expect.stringMatching(/^\/dev\/iommu .*uid 1000, .*0000:01:00\.0$/),
      hint: `sudo userpci unbind ${NIC}\nor give this one to the same user: sudo userpci bind ${EDU} --user 1000`,
    });
    expect(system().kernel.log).toEqual([]);
    expect(existsSync(system().journalPath(EDU))).toBe(false);
    // Its own user may change.
    expect(await system().bind(NIC, { user: 2000 })).toMatchObject({ user: { uid: 2000 } });
    expect(await system().bind(EDU, { user: 2000 })).toMatchObject({ user: { uid: 2000 } });
  });

  it("does not count a function that is gone", async () => {
    useDeviceNodes();
    await system().bind(NIC, { user: "alice" });
    rmSync(system().path(`/sys/bus/pci/devices/${NIC}`));
    expect(await system().bind(EDU, { user: 2000 })).toMatchObject({ user: { uid: 2000 } });
  });

  it("that fails leaves no journal for a function that somebody else bound", async () => {
    useDeviceNodes();
    system().kernel.failOnce(/\/dev\/iommu$/, "EPERM");
    expect(await failure(system().bind(EDU, { user: 2000 }))).toMatchObject({ code: "ERR_PERMISSION" });
    expect(existsSync(system().journalPath(EDU))).toBe(false);
  });

  it("that fails leaves the journal as it was", async () => {
    await system().bind(NIC, { user: "alice" });
    const before = system().journal(NIC);
    system().kernel.failOnce(/\/dev\/vfio\/6$/, "EPERM");
    expect(await failure(system().bind(NIC, { user: 2000 }))).toMatchObject({ code: "ERR_PERMISSION" });
    expect(system().journal(NIC)).toEqual(before);
  });

  /** Two functions on vfio-pci, on a kernel with device nodes. */
  function useDeviceNodes(): void {
    writeMachine(system().root, {
      functions: [
        { address: NIC, id: "8086:10d3", driver: "vfio-pci", group: 6, vfioDevice: "vfio0" },
        { address: EDU, id: "1234:11e8", driver: "vfio-pci", group: 4, vfioDevice: "vfio1" },
      ],
      nodes: ["/dev/vfio/6", "/dev/vfio/4", "/dev/vfio/devices/vfio0", "/dev/vfio/devices/vfio1"],
    });
  }

  function owned(): (string | undefined)[] {
    return system()
      .kernel.log.filter((line) => line.startsWith("/dev/"))
      .map((line) => line.split(":")[0]);
  }
});
