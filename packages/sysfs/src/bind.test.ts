import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { recordOf } from "./lock-record.ts";
import type { BindProgress } from "./progress.ts";
import {
  BRIDGE,
  EDU,
  failure,
  HOST_BRIDGE,
  ISA_BRIDGE,
  NIC,
  OLD,
  useFakeSystem,
  WITH_VFS,
  WITHOUT_IOMMU,
} from "./testing/fake-system.ts";
import { writeLink, writeMachine } from "./testing/machine.ts";

const system = useFakeSystem();

describe("bind", () => {
  it("takes a function from its driver, and gives it back with nothing left behind", async () => {
    expect(await system().bind("01:00.0")).toMatchObject({
      address: NIC,
      driver: "vfio-pci",
      formerDriver: "e1000e",
      changed: true,
      group: 6,
      nodes: { group: "/dev/vfio/6" },
      user: null,
    });
    expect(system().driverOf(NIC)).toBe("vfio-pci");
    expect(await system().unbind(NIC)).toEqual({
      address: NIC,
      driver: "e1000e",
      changed: true,
      boundAtBoot: null,
    });
    expect(await system().overrideOf(NIC)).toBeNull();
    expect(existsSync(system().journalPath(NIC))).toBe(false);
  });

  it("leaves a function that had no driver without one", async () => {
    await system().bind(EDU);
    expect(system().driverOf(EDU)).toBe("vfio-pci");
    expect(await system().unbind(EDU)).toEqual({
      address: EDU,
      driver: null,
      changed: true,
      boundAtBoot: null,
    });
  });

  it("is harmless twice, and remembers the first driver", async () => {
    await system().bind(NIC);
    system().kernel.log.length = 0;
    expect(await system().bind(NIC)).toMatchObject({ changed: false, formerDriver: "e1000e" });
    expect(system().kernel.log).toEqual([]);
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("restores an override that somebody else had set", async () => {
    writeFileSync(system().path(`/sys/bus/pci/devices/${NIC}/driver_override`), "e1000e\n");
    await system().bind(NIC);
    await system().unbind(NIC);
    expect(await system().overrideOf(NIC)).toBe("e1000e");
    expect(system().driverOf(NIC)).toBe("e1000e");
  });

  it("works without driver_override, by id, and teaches the driver no id for good", async () => {
    expect(await system().bind(OLD)).toMatchObject({ driver: "vfio-pci", formerDriver: "e1000" });
    expect(system().kernel.log).toContain("/sys/bus/pci/drivers/vfio-pci/new_id < 8086 100e");
    expect(system().kernel.log.at(-1)).toBe("/sys/bus/pci/drivers/vfio-pci/remove_id < 8086 100e");
    expect(await system().unbind(OLD)).toMatchObject({ driver: "e1000" });
  });

  it("teaches the driver no id for good either where the binding fails", async () => {
    for (const [path, code] of [
      [/vfio-pci\/bind$/, "EPERM"],
      [/new_id$/, "EIO"],
    ] as const) {
      if (code === "EPERM") system().kernel.failOnce(/new_id$/, "EEXIST");
      system().kernel.failOnce(path, code);
      await failure(system().bind(OLD));
      expect(system().kernel.log).toContain("/sys/bus/pci/drivers/vfio-pci/remove_id < 8086 100e");
      expect(system().driverOf(OLD)).toBe("e1000");
      system().kernel.log.length = 0;
    }
  });

  it("lets one of two that bind the same function at once do it", async () => {
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const both = [system().bind(NIC), system().bind(NIC)];
    expect(await failure(Promise.race(both))).toMatchObject({
      code: "ERR_BUSY",
      hint: expect.stringContaining("userpci show"),
    });
    letGo();
    const outcomes = await Promise.allSettled(both);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(system().driverOf(NIC)).toBe("vfio-pci");
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("of a function that is bound or given back meanwhile leaves the driver that it had on record", async () => {
    const outcomes = await Promise.allSettled([
      system().bind(NIC),
      system().unbind(NIC),
      system().bind(NIC, { user: "alice" }),
    ]);
    expect(outcomes.map(({ status }) => status)).toContain("fulfilled");
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ERR_BUSY" });
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
    expect(existsSync(system().path(`/run/userpci/${NIC}.lock`))).toBe(false);
  });

  it("replaces a journal that is none", async () => {
    await system().bind(NIC);
    await system().unbind(NIC);
    writeFileSync(system().journalPath(NIC), "{");
    expect(await system().bind(NIC)).toMatchObject({ driver: "vfio-pci" });
    expect(system().journal(NIC)).toMatchObject({ formerDriver: "e1000e" });
  });

  it("loads vfio-pci where it is missing", async () => {
    rmSync(system().path("/sys/bus/pci/drivers/vfio-pci"), { recursive: true });
    const error = await failure(system().bind(NIC));
    expect(error).toMatchObject({ code: "ERR_NOT_SUPPORTED", hint: "sudo modprobe vfio-pci" });
    expect(system().driverOf(NIC)).toBe("e1000e");
    expect(existsSync(system().journalPath(NIC))).toBe(false);

    system().kernel.modules.add("vfio-pci");
    expect(await system().bind(NIC)).toMatchObject({ driver: "vfio-pci" });
  });

  it("reports each step as it begins", async () => {
    const steps: string[] = [];
    await system().bind(NIC, { user: "alice", onProgress: ({ step }: BindProgress) => steps.push(step) });
    expect(steps).toEqual(["override", "release", "probe", "verify", "permit"]);
  });
});

describe("refusals", () => {
  it("come also for what has become of a function while it waited for its turn", async () => {
    let begin = () => {};
    const held = system().kernel.holdStart(new Promise((resolve) => (begin = resolve)));
    const binding = failure(system().bind(NIC));
    await held;
    writeLink(system().root, `/sys/bus/pci/devices/${NIC}/virtfn0`, `/sys/bus/pci/devices/${EDU}`);
    begin();
    expect(await binding).toMatchObject({
      code: "ERR_BIND_REFUSED",
      message: expect.stringContaining("1 virtual functions enabled"),
    });
    expect(system().kernel.log).toEqual([]);
  });

  it.each([
    [BRIDGE, "ERR_BIND_REFUSED", /is a bridge/, /do not block/],
    [HOST_BRIDGE, "ERR_BIND_REFUSED", /is a host bridge \(class 060000\)/, /does not block/],
    [
      ISA_BRIDGE,
      "ERR_BIND_REFUSED",
      /is a legacy bus bridge \(class 060100\)/,
      /echo 0000:00:1f.0 \| sudo tee .*driver\/unbind/,
    ],
    [WITH_VFS, "ERR_BIND_REFUSED", /1 virtual functions enabled/, /vf destroy 0000:03:00.0/],
    [WITHOUT_IOMMU, "ERR_NO_IOMMU", /in no IOMMU group/, /intel_iommu=on/],
    ["0000:05:00.0", "ERR_NO_DEVICE", /no PCI function/, /userpci list/],
    ["5", "ERR_INVALID_ARGUMENT", /not a PCI address/, /0000:00:04.0/],
  ])("refuses %s with %s, and touches nothing", async (address, code, message, hint) => {
    const error = await failure(system().bind(address));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(system().kernel.log).toEqual([]);
  });

  it("tells a missing IOMMU from a firmware that hides it, and from a function that is not behind one", async () => {
    writeMachine(system().root, { functions: [], files: { "/proc/cmdline": "quiet intel_iommu=on\n" } });
    expect((await failure(system().bind(WITHOUT_IOMMU))).hint).toMatch(/found none: .*firmware/);
    writeMachine(system().root, { functions: [], files: { "/proc/cmdline": "quiet amd_iommu=off\n" } });
    expect((await failure(system().bind(WITHOUT_IOMMU))).hint).toMatch(/remove amd_iommu=off/);
    writeMachine(system().root, { functions: [], files: { "/sys/class/iommu/dmar0/name": "" } });
    expect((await failure(system().bind(WITHOUT_IOMMU))).hint).toMatch(/another slot/);
  });

  it("names the file that a user may not write, before anything is done", async () => {
    system().kernel.failOnce(/^access .*driver_override/, "EACCES");
    const error = await failure(system().bind(NIC, { user: "alice" }));
    expect(error).toMatchObject({ code: "ERR_PERMISSION" });
    expect(error.path).toContain(`${NIC}/driver_override`);
    expect(error.hint).toMatch(
      process.geteuid?.() === 0 ? /confined/ : /^sudo userpci bind 0000:01:00.0 --user alice\n/,
    );
    expect(system().kernel.log).toEqual([]);
  });

  it("knows a container's read-only sysfs", async () => {
    system().kernel.failOnce(/^access .*driver_override/, "EROFS");
    expect(await failure(system().bind(NIC))).toMatchObject({
      code: "ERR_PERMISSION",
      hint: expect.stringContaining("container"),
    });
  });

  it("refuses a user that does not exist before it binds", async () => {
    const error = await failure(system().bind(NIC, { user: "nobody-here" }));
    expect(error).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      hint: expect.stringContaining("id -u nobody-here"),
    });
    expect(system().driverOf(NIC)).toBe("e1000e");
    // A hint is there to be pasted.
    for (const user of ["", "-x", "x; reboot", "$(reboot)"])
      expect((await failure(system().bind(NIC, { user }))).hint).toMatch(/^give a name or a number/);
  });

  it("says of a number that no uid can be which ones can", async () => {
    expect(await failure(system().bind(NIC, { user: "4294967295" }))).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      message: '"4294967295" is no uid',
      hint: "give a name, or a number from 0 to 4294967294",
    });
  });
});

describe("the lock of a function", () => {
  const lock = `/run/userpci/${NIC}.lock`;

  it("of a process that cannot be seen from here is not given to another's name, and can be removed", async () => {
    const elsewhere = { pid: process.pid, started: "1", namespace: "pid:[1]" };
    const record = { ...recordOf("unbind", NIC), caller: elsewhere, writer: elsewhere };
    mkdirSync(system().path("/run/userpci"), { recursive: true });
    writeFileSync(system().path(lock), JSON.stringify(record));
    expect(await failure(system().bind(NIC))).toMatchObject({
      code: "ERR_BUSY",
      message: expect.stringMatching(/^a process in a container \(pid \d+ there\) is unbinding 0000:01:00.0/),
      hint: `if that has ended, with its container: sudo rm ${system().path(lock)}`,
    });
  });

  it("that cannot be given up does not hide why a binding failed, and is given up when it can be", async () => {
    let letGo = () => {};
    system().kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const binding = failure(system().bind(NIC, { timeoutMs: 200 }));
    await expect.poll(() => system().kernel.log.at(-1)).toMatch(/driver\/unbind < /);
    mkdirSync(system().path(`${lock}.guard`));
    expect(await binding).toMatchObject({
      code: "ERR_TIMEOUT",
      message: expect.stringMatching(/2 steps failed, the first: waited .* for e1000e to let go/),
      cause: { errors: [{ code: "ERR_TIMEOUT" }, { code: "EISDIR" }] },
    });
    rmdirSync(system().path(`${lock}.guard`));
    letGo();
    await expect.poll(() => existsSync(system().path(lock))).toBe(false);
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });
});

describe("a binding that fails", () => {
  it.each([
    ["driver_override", /driver_override$/],
    ["the old driver's unbind", /e1000e\/unbind$|driver\/unbind$/],
    ["drivers_probe", /drivers_probe$/],
  ])("at %s leaves the function on its driver", async (_step, path) => {
    system().kernel.failOnce(path, "EIO");
    expect(await failure(system().bind(NIC))).toMatchObject({ code: "EIO" });
    expect(system().driverOf(NIC)).toBe("e1000e");
    expect(await system().overrideOf(NIC)).toBeNull();
    expect(existsSync(system().journalPath(NIC))).toBe(false);
  });

  it("because the kernel binds nothing, although the write succeeds, gives the function back", async () => {
    // As vfio-pci does when its probe fails: drivers_probe answers EINVAL, and nobody has the function.
    system().kernel.failOnce(/drivers_probe$/, "EINVAL");
    const error = await failure(system().bind(NIC));
    expect(error).toMatchObject({
      code: "ERR_BIND_FAILED",
      hint: expect.stringContaining(`dmesg | grep ${NIC}`),
    });
    expect(system().driverOf(NIC)).toBe("e1000e");
  });

  it("at the nodes gives nodes and function back", async () => {
    system().kernel.failOnce(/\/dev\/vfio\/6$/, "EPERM");
    expect(await failure(system().bind(NIC, { user: "alice" }))).toMatchObject({ code: "ERR_PERMISSION" });
    expect(system().driverOf(NIC)).toBe("e1000e");
    expect(existsSync(system().journalPath(NIC))).toBe(false);
  });

  it("twice over says both, and unbind mends it later", async () => {
    system().kernel.failOnce(/drivers_probe$/, "EIO");
    system().kernel.failOnce(/drivers_probe$/, "EBUSY");
    const error = await failure(system().bind(NIC));
    expect(error.message).toMatch(/EIO; and 0000:01:00.0 could not be given back: .*EBUSY/);
    expect(error.hint).toBe(`when that is mended: sudo userpci restore ${NIC}`);
    expect(system().driverOf(NIC)).toBeNull();
    expect(await system().unbind(NIC)).toMatchObject({ driver: "e1000e", changed: true, boundAtBoot: null });
    expect(await system().overrideOf(NIC)).toBeNull();
  });

  it("because its override cannot be read says which file, and touches nothing", async () => {
    const path = `/sys/bus/pci/devices/${NIC}/driver_override`;
    system().kernel.failOnce(/^read .*driver_override$/, "EIO");
    expect(await failure(system().bind(NIC))).toMatchObject({
      code: "EIO",
      message: expect.stringContaining(`${path} cannot be read`),
      path: system().path(path),
    });
    expect(system().kernel.log).toEqual([]);
    expect(existsSync(system().journalPath(NIC))).toBe(false);
  });

  it("between steps, because the caller aborts, gives the function back", async () => {
    const abort = new AbortController();
    const onProgress = ({ step }: BindProgress) => step === "release" && abort.abort();
    expect(await failure(system().bind(NIC, { signal: abort.signal, onProgress }))).toMatchObject({
      code: "ERR_ABORTED",
    });
    expect(system().driverOf(NIC)).toBe("e1000e");
    expect(await system().overrideOf(NIC)).toBeNull();
  });
});
