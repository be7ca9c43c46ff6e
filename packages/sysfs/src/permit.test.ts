import { chmodSync, existsSync, rmSync, statSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { EDU, failure, NIC, useFakeSystem } from "./testing/fake-system.ts";
import { writeMachine } from "./testing/machine.ts";

const system = useFakeSystem();

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

  describe("that two calls ask for at once", () => {
    const SECOND = "0000:01:00.1";

    it("is one user's, who has every node that he was told of", async () => {
      const second = { address: SECOND, id: "8086:10d3", driver: "e1000e", group: 6 };
      writeMachine(system().root, { functions: [second] });
      let letGo = () => {};
      const unbinding = new RegExp(`${NIC}/driver/unbind$`);
      system().kernel.holdUntil(unbinding, new Promise((resolve) => (letGo = resolve)));
      const slow = failure(system().bind(NIC, { user: "alice" }));
      await expect.poll(() => system().kernel.log.at(-1)).toMatch(/driver\/unbind < /);
      expect(await system().bind(SECOND, { user: 2000 })).toMatchObject({ user: { uid: 2000 } });
      letGo();
      expect(await slow).toMatchObject({
        code: "ERR_NODE_TAKEN",
        message: expect.stringMatching(/^\/dev\/vfio\/6 .*uid 2000, .*0000:01:00\.1$/),
      });
      expect(system().driverOf(NIC)).toBe("e1000e");
      expect(existsSync(system().journalPath(NIC))).toBe(false);
      expect(owned()).toEqual(["/dev/vfio/6 < 2000"]);
    });

    it("is not taken back from the one by the failure of the other", async () => {
      useDeviceNodes();
      let goOn = () => {};
      system().kernel.holdUntil(/\/dev\/vfio\/devices\/vfio0$/, new Promise((resolve) => (goOn = resolve)));
      system().kernel.failOnce(/\/dev\/iommu$/, "EPERM");
      const failing = failure(system().bind(NIC, { user: "alice" }));
      await expect.poll(() => system().kernel.log.at(-1)).toMatch(/vfio0 < /);
      const other = system().bind(EDU, { user: "alice" });
      await Promise.race([other, setTimeout(300)]);
      goOn();
      expect(await failing).toMatchObject({ code: "ERR_PERMISSION" });
      expect(await other).toMatchObject({ user: { uid: 1000 } });
      expect(
        owned()
          .filter((line) => line?.startsWith("/dev/iommu"))
          .at(-1),
      ).toBe("/dev/iommu < 1000");
      expect(system().journal(EDU).nodes["/dev/iommu"]).toEqual(ownerOf("/dev/iommu", 0o600));
    });

    it("ends with both, where one is given back while the other still is", async () => {
      useDeviceNodes();
      await system().bind(NIC, { user: "alice" });
      await system().bind(EDU, { user: "alice" });
      let goOn = () => {};
      system().kernel.holdUntil(/drivers_probe$/, new Promise((resolve) => (goOn = resolve)));
      const slow = system().unbind(NIC);
      await expect.poll(() => system().kernel.log.at(-1)).toMatch(/drivers_probe < /);
      const other = system().unbind(EDU);
      await expect.poll(() => system().kernel.log.at(-1)).toMatch(/drivers_probe < 0000:00:04.0/);
      goOn();
      await Promise.all([slow, other]);
      const { uid } = ownerOf("/dev/iommu", 0);
      expect(
        owned()
          .filter((line) => line?.startsWith("/dev/iommu"))
          .at(-1),
      ).toBe(`/dev/iommu < ${uid}`);
      expect(statSync(system().path("/dev/iommu")).mode & 0o777).toBe(0o600);
    });
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
    chmodSync(system().path("/dev/iommu"), 0o600);
  }

  function ownerOf(path: string, mode: number) {
    const { uid, gid } = statSync(system().path(path));
    return { uid, gid, mode };
  }

  function owned(): (string | undefined)[] {
    return system()
      .kernel.log.filter((line) => line.startsWith("/dev/"))
      .map((line) => line.split(":")[0]);
  }
});
