import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { JournalEntry } from "./journal.ts";
import { planRestore } from "./plan-release.ts";
import { EDU, FakeSystem, failure, NIC, useFakeSystem } from "./testing/fake-system.ts";
import { writeLink, writeMachine } from "./testing/machine.ts";

const PAIRED = "0000:01:00.1";

/** Systems of a test with many. */
const systems: FakeSystem[] = [];
afterEach(() => {
  for (const { root } of systems.splice(0)) rmSync(root, { recursive: true });
});

/** A system whose NIC shares its group with another function on the same driver. */
function pairedSystem(): FakeSystem {
  const system = new FakeSystem();
  systems.push(system);
  writeMachine(system.root, {
    functions: [{ address: PAIRED, id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group: 6 }],
  });
  return system;
}

const stateFiles = (system: FakeSystem): string[] => {
  const place = system.path("/run/userpci");
  return existsSync(place) ? readdirSync(place) : [];
};

/** Makes the owner of locks a process that has ended and had this one's number: in these tests it is this one, which runs. */
function bury(system: FakeSystem): void {
  for (const name of stateFiles(system)) {
    if (!/\.(lock|guard)$/.test(name)) continue;
    const path = system.path(`/run/userpci/${name}`);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(/"started":"\d+"/g, '"started":"1"'));
  }
}

/** Every point at which a call can be killed, each on a system of its own, until the call ends before it. */
async function killedEverywhere(
  call: (system: FakeSystem) => Promise<unknown>,
  look: (system: FakeSystem, point: string) => Promise<void>,
): Promise<number> {
  for (let number = 0; ; number += 1) {
    for (const when of ["before", "after"] as const) {
      const system = pairedSystem();
      if (!(await system.kernel.endAt(number, when, () => call(system)))) return number;
      bury(system);
      await look(system, `${when} "${system.kernel.log.at(-1)}" (change ${number})`);
    }
  }
}

async function expectAsBefore(system: FakeSystem, point: string): Promise<void> {
  for (const address of [NIC, PAIRED]) {
    expect(system.driverOf(address), `${point}: the driver of ${address}`).toBe("e1000e");
    expect(await system.overrideOf(address), `${point}: the override of ${address}`).toBeNull();
  }
  expect(stateFiles(system), `${point}: files`).toEqual([]);
}

describe("restore", () => {
  it("repairs what a bind has left that was killed at any point", async () => {
    const points = await killedEverywhere(
      (system) => system.bind(NIC, { user: "alice" }),
      async (system, point) => {
        const { restored, failed } = await system.restore();
        expect(failed, point).toEqual([]);
        expect(restored, point).toEqual([
          expect.objectContaining({
            address: NIC,
            driver: "e1000e",
            cutShort: expect.objectContaining({ action: "bind" }),
          }),
        ]);
        await expectAsBefore(system, point);
      },
    );
    // driver_override, unbind, drivers_probe and the owner of the node.
    expect(points).toBe(4);
  });

  it("repairs what a bind of a whole group has left that was killed at any point", async () => {
    const points = await killedEverywhere(
      (system) => system.bindGroup(NIC, { user: "alice" }),
      async (system, point) => {
        expect((await system.restore()).failed, point).toEqual([]);
        await expectAsBefore(system, point);
      },
    );
    expect(points).toBe(8);
  });

  it("repairs what an unbind has left that was killed at any point, and a restore too", async () => {
    const bindThen = (work: (system: FakeSystem) => Promise<unknown>) => async (system: FakeSystem) => {
      const { kernel } = system;
      await work(system);
      return kernel;
    };
    for (const call of [
      (system: FakeSystem) => system.unbind(NIC),
      (system: FakeSystem) => system.restore(NIC),
    ]) {
      for (let number = 0; ; number += 1) {
        const system = pairedSystem();
        await system.bind(NIC, { user: "alice" });
        if (!(await system.kernel.endAt(number, "after", () => bindThen(call)(system)))) break;
        bury(system);
        const point = `after ${system.kernel.log.at(-1)}`;
        // Once more, cut short at the same place.
        await system.kernel.endAt(number, "before", () => system.restore());
        bury(system);
        expect((await system.restore()).failed, point).toEqual([]);
        await expectAsBefore(system, point);
      }
    }
  });

  it("leaves what is bound completely, unless it is named or all is asked for", async () => {
    const system = pairedSystem();
    await system.bind(NIC);
    expect(await system.restore()).toEqual({ restored: [], failed: [], removed: [] });
    expect(system.driverOf(NIC)).toBe("vfio-pci");
    await system.bind(EDU);
    const { restored } = await system.restore(null, { all: true });
    expect(restored.map(({ address, cutShort }) => [address, cutShort])).toEqual([
      [EDU, null],
      [NIC, null],
    ]);
    await system.bind(NIC);
    expect(await system.restore(NIC)).toMatchObject({
      restored: [{ address: NIC, driver: "e1000e", present: true }],
    });
    await expectAsBefore(system, "named");
  });
});

describe("restore, in particular", () => {
  const system = useFakeSystem();

  it("leaves to another call what that is at", async () => {
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const binding = system().bind(NIC);
    await expect.poll(() => system().kernel.log.at(-1)).toMatch(/driver\/unbind < /);
    expect(await system().restore()).toMatchObject({
      restored: [],
      failed: [{ address: NIC, error: { code: "ERR_BUSY" } }],
      removed: [],
    });
    letGo();
    expect(await binding).toMatchObject({ driver: "vfio-pci" });
  });

  it("does not undo a binding that has come to its end meanwhile", async () => {
    await system().bind(NIC);
    const entry = system().journal(NIC);
    const doing: JournalEntry["doing"] = { action: "bind", step: "probe", since: entry.since };
    writeFileSync(system().journalPath(NIC), JSON.stringify({ ...entry, doing }));
    let begin = () => {};
    const held = system().kernel.holdStart(new Promise((resolve) => (begin = resolve)));
    const restoring = system().restore();
    await held;
    writeFileSync(system().journalPath(NIC), JSON.stringify(entry));
    begin();
    expect(await restoring).toMatchObject({ restored: [], failed: [] });
    expect(system().driverOf(NIC)).toBe("vfio-pci");
  });

  it("gives back the nodes of a function that was unplugged", async () => {
    await system().bind(NIC, { user: "alice" });
    rmSync(system().path(`/sys/bus/pci/devices/${NIC}`));
    system().kernel.log.length = 0;
    expect(await system().restore(null, { all: true })).toMatchObject({
      restored: [{ address: NIC, driver: null, changed: true, present: false }],
    });
    expect(system().kernel.log).toEqual([expect.stringMatching(/^\/dev\/vfio\/6 < \d+:\d+ 600$/)]);
    expect(existsSync(system().journalPath(NIC))).toBe(false);
    expect(await failure(system().restore(NIC))).toMatchObject({ code: "ERR_NO_DEVICE" });
  });

  it("does not take the past of a function for that of another that came to its address", async () => {
    await system().bind(NIC);
    const place = `/sys/bus/pci/devices/${NIC}`;
    writeFileSync(system().path(`${place}/device`), "0x100e\n");
    writeLink(system().root, `${place}/driver`, "/sys/bus/pci/drivers/e1000");
    writeFileSync(system().path(`${place}/driver_override`), "e1000\n");
    system().kernel.log.length = 0;
    expect(await system().restore(NIC)).toMatchObject({ restored: [{ driver: "e1000" }] });
    expect(system().kernel.log).toEqual([]);
    expect(await system().overrideOf(NIC)).toBe("e1000");
  });

  it.each([false, true])(
    "leaves another function that came to the address to whoever bound it (all: %s)",
    async (all) => {
      await system().bind(NIC, { user: "alice" });
      const entry = system().journal(NIC);
      const doing: JournalEntry["doing"] = { action: "bind", step: "verify", since: entry.since };
      writeFileSync(system().journalPath(NIC), JSON.stringify({ ...entry, doing }));
      // Somebody has put the other on vfio-pci without userpci.
      writeFileSync(system().path(`/sys/bus/pci/devices/${NIC}/device`), "0x100e\n");
      system().kernel.log.length = 0;
      expect(await planRestore(null, { root: system().root, all })).toMatchObject([
        { address: NIC, origin: null, holders: [], steps: [{ path: "/dev/vfio/6" }, { step: "journal" }] },
      ]);
      expect(await system().restore(null, { all })).toMatchObject({
        restored: [{ address: NIC, changed: true, present: false, cutShort: doing }],
        failed: [],
      });
      expect(system().kernel.log).toEqual([expect.stringMatching(/^\/dev\/vfio\/6 < /)]);
      expect(system().driverOf(NIC)).toBe("vfio-pci");
      expect(await system().overrideOf(NIC)).toBe("vfio-pci");
      expect(existsSync(system().journalPath(NIC))).toBe(false);
    },
  );

  it("removes locks and drafts of processes that were killed, and no others", async () => {
    await system().bind(NIC);
    const path = (name: string) => system().path(`/run/userpci/${name}`);
    for (const name of [`${EDU}.lock`, "nodes.lock", "old.tmp", "young.tmp"]) writeFileSync(path(name), "");
    utimesSync(path("old.tmp"), 1, 1);
    const { removed } = await system().restore();
    expect(removed).toEqual([`${EDU}.lock`, "nodes.lock", "old.tmp"].map(path));
    expect(readdirSync(path(""))).toEqual([`${NIC}.json`, "young.tmp"]);
  });

  it("says which file an ordinary user may not write", async () => {
    await system().bind(NIC);
    system().kernel.failOnce(/^access .*driver_override/, "EACCES");
    expect(await failure(system().restore(null, { all: true }))).toMatchObject({ code: "ERR_PERMISSION" });
  });
});

describe("a function that somebody else has bound", () => {
  const system = useFakeSystem();
  const override = (name: string) =>
    system().kernel.write(system().path(`/sys/bus/pci/devices/${NIC}/driver_override`), name);
  const release = () =>
    system().kernel.write(system().path(`/sys/bus/pci/devices/${NIC}/driver/unbind`), NIC);
  const probe = () => system().kernel.write(system().path("/sys/bus/pci/drivers_probe"), NIC);
  const driverctl = (driver: string, name = `pci-${NIC}`) =>
    writeMachine(system().root, { functions: [], files: { [`/etc/driverctl.d/${name}`]: `${driver}\n` } });

  it("by driverctl is given back, and the file is named that binds it again", async () => {
    await override("vfio-pci");
    await release();
    await probe();
    for (const name of [`pci-${NIC}`, NIC]) {
      driverctl("vfio-pci", name);
      expect(await system().bind(NIC)).toMatchObject({ changed: false, formerDriver: null });
      expect(await system().origin(NIC)).toMatchObject({
        by: "driverctl",
        saved: `/etc/driverctl.d/${name}`,
      });
      rmSync(system().path(`/etc/driverctl.d/${name}`));
    }
    driverctl("vfio-pci");
    expect(await system().restore(NIC)).toMatchObject({
      restored: [{ driver: "e1000e", boundAtBoot: `/etc/driverctl.d/pci-${NIC}` }],
    });
    expect(await system().overrideOf(NIC)).toBeNull();
  });

  it("goes to the driver that driverctl names for it, with the override", async () => {
    writeMachine(system().root, { functions: [], drivers: ["pci-stub"] });
    driverctl("pci-stub");
    await override("vfio-pci");
    await release();
    await probe();
    expect(await system().restore(NIC)).toMatchObject({
      restored: [{ driver: "pci-stub", boundAtBoot: null }],
    });
    expect(await system().overrideOf(NIC)).toBe("pci-stub");
  });

  it("is left with the override of driverctl that came after bind", async () => {
    await system().bind(NIC);
    await release();
    await override("e1000");
    await probe();
    expect(await system().restore(NIC)).toMatchObject({ restored: [{ driver: "e1000" }] });
    expect(await system().overrideOf(NIC)).toBe("e1000");
  });

  it("by new_id goes to its own driver, because vfio-pci forgets the id", async () => {
    // As dpdk-devbind.py on an old kernel, and `echo … >new_id`.
    const teach = () =>
      system().kernel.write(system().path("/sys/bus/pci/drivers/vfio-pci/new_id"), "8086 10d3");
    await release();
    await teach();
    expect(await system().origin(NIC)).toMatchObject({ by: "other", override: null });
    // Where it comes first.
    system().kernel.prefer("vfio-pci");
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });

    await teach();
    expect(await system().bind(NIC)).toMatchObject({ changed: true });
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
    expect(await system().overrideOf(NIC)).toBeNull();
  });
});
