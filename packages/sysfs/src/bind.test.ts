import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError, type PciError } from "@userpci/interface";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bindOn, unbindOn } from "./bind.ts";
import type { BindProgress } from "./driver.ts";
import { findDevice } from "./find.ts";
import { readDriverOverride } from "./function.ts";
import { FakeKernel } from "./testing/fake-kernel.ts";
import { writeMachine } from "./testing/machine.ts";

const NIC = "0000:01:00.0";
const EDU = "0000:00:04.0";
const OLD = "0000:02:00.0";

let root = "";
let kernel: FakeKernel;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-bind-"));
  writeMachine(root, {
    functions: [
      { address: EDU, id: "1234:11e8", group: 4 },
      { address: "0000:00:06.0", id: "1b36:000c", classCode: 0x060400, driver: "pcieport", group: 5 },
      { address: NIC, id: "8086:10d3", classCode: 0x020000, driver: "e1000e", group: 6 },
      { address: OLD, id: "8086:100e", classCode: 0x020000, driver: "e1000", group: 7, driverOverride: null },
      {
        address: "0000:03:00.0",
        id: "8086:10c9",
        driver: "igb",
        group: 8,
        maxVirtualFunctions: 7,
        virtualFunctions: [EDU],
      },
      { address: "0000:04:00.0", id: "8086:7020", driver: "uhci_hcd" },
    ],
    drivers: ["vfio-pci"],
    nodes: ["/dev/iommu"],
    files: { "/etc/passwd": "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n" },
  });
  kernel = new FakeKernel(root, { e1000e: ["8086:10d3"], e1000: ["8086:100e"], "virtio-pci": ["1af4:1041"] });
});
afterEach(() => rmSync(root, { recursive: true }));

const bind = (address: string, options = {}) => bindOn(kernel, address, { root, ...options });
const unbind = (address: string, options = {}) => unbindOn(kernel, address, { root, ...options });
const driverOf = (address: string) => findDevice(address, { root }).driver;
const overrideOf = (address: string) => readDriverOverride(address, { root });
const journal = (address: string) => join(root, `/run/userpci/${address}.json`);

async function failure(work: Promise<unknown>): Promise<PciError> {
  const error = await work.then(
    () => expect.unreachable("it did not fail"),
    (thrown: unknown) => thrown,
  );
  if (!isPciError(error)) throw error;
  return error;
}

describe("bind", () => {
  it("takes a function from its driver, and gives it back with nothing left behind", async () => {
    expect(await bind("01:00.0")).toMatchObject({
      address: NIC,
      driver: "vfio-pci",
      formerDriver: "e1000e",
      changed: true,
      group: 6,
      nodes: { group: "/dev/vfio/6" },
      user: null,
    });
    expect(driverOf(NIC)).toBe("vfio-pci");
    expect(await unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: true });
    expect(await overrideOf(NIC)).toBeNull();
    expect(existsSync(journal(NIC))).toBe(false);
  });

  it("leaves a function that had no driver without one", async () => {
    await bind(EDU);
    expect(driverOf(EDU)).toBe("vfio-pci");
    expect(await unbind(EDU)).toEqual({ address: EDU, driver: null, changed: true });
  });

  it("is harmless twice, and remembers the first driver", async () => {
    await bind(NIC);
    kernel.log.length = 0;
    expect(await bind(NIC)).toMatchObject({ changed: false, formerDriver: "e1000e" });
    expect(kernel.log).toEqual([]);
    expect(await unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("restores an override that somebody else had set", async () => {
    writeFileSync(join(root, "/sys/bus/pci/devices", NIC, "driver_override"), "e1000e\n");
    await bind(NIC);
    await unbind(NIC);
    expect(await overrideOf(NIC)).toBe("e1000e");
    expect(driverOf(NIC)).toBe("e1000e");
  });

  it("works without driver_override, by id, and teaches the driver no id for good", async () => {
    expect(await bind(OLD)).toMatchObject({ driver: "vfio-pci", formerDriver: "e1000" });
    expect(kernel.log).toContain("/sys/bus/pci/drivers/vfio-pci/new_id < 8086 100e");
    expect(kernel.log.at(-1)).toBe("/sys/bus/pci/drivers/vfio-pci/remove_id < 8086 100e");
    expect(await unbind(OLD)).toMatchObject({ driver: "e1000" });
  });

  it("loads vfio-pci where it is missing", async () => {
    rmSync(join(root, "/sys/bus/pci/drivers/vfio-pci"), { recursive: true });
    const error = await failure(bind(NIC));
    expect(error).toMatchObject({ code: "ERR_NOT_SUPPORTED", hint: "sudo modprobe vfio-pci" });
    expect(driverOf(NIC)).toBe("e1000e");
    expect(existsSync(journal(NIC))).toBe(false);

    kernel.modules.add("vfio-pci");
    expect(await bind(NIC)).toMatchObject({ driver: "vfio-pci" });
  });

  it("reports each step as it begins", async () => {
    const steps: string[] = [];
    await bind(NIC, { user: "alice", onProgress: ({ step }: BindProgress) => steps.push(step) });
    expect(steps).toEqual(["override", "release", "probe", "verify", "permit"]);
  });
});

describe("refusals", () => {
  it.each([
    ["0000:00:06.0", "ERR_BIND_REFUSED", /is a bridge/, /do not block/],
    ["0000:03:00.0", "ERR_BIND_REFUSED", /1 virtual functions enabled/, /sriov_numvfs/],
    ["0000:04:00.0", "ERR_NO_IOMMU", /in no IOMMU group/, /intel_iommu=on/],
    ["0000:05:00.0", "ERR_NO_DEVICE", /no PCI function/, /userpci list/],
    ["5", "ERR_INVALID_ARGUMENT", /not a PCI address/, /0000:00:04.0/],
  ])("refuses %s with %s, and touches nothing", async (address, code, message, hint) => {
    const error = await failure(bind(address));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(kernel.log).toEqual([]);
  });

  it("tells a missing IOMMU from a firmware that hides it, and from a function that is not behind one", async () => {
    writeMachine(root, { functions: [], files: { "/proc/cmdline": "quiet intel_iommu=on\n" } });
    expect((await failure(bind("0000:04:00.0"))).hint).toMatch(/firmware/);
    writeMachine(root, { functions: [], files: { "/sys/class/iommu/dmar0/name": "" } });
    expect((await failure(bind("0000:04:00.0"))).hint).toMatch(/another slot/);
  });

  it("names the file that a user may not write, before anything is done", async () => {
    kernel.failOnce(/^access .*driver_override/, "EACCES");
    const error = await failure(bind(NIC, { user: "alice" }));
    expect(error).toMatchObject({ code: "ERR_PERMISSION" });
    expect(error.path).toContain(`${NIC}/driver_override`);
    expect(error.hint).toMatch(
      process.geteuid?.() === 0 ? /confined/ : /^sudo userpci bind 0000:01:00.0 --user alice\n/,
    );
    expect(kernel.log).toEqual([]);
  });

  it("knows a container's read-only sysfs", async () => {
    kernel.failOnce(/^access .*driver_override/, "EROFS");
    expect(await failure(bind(NIC))).toMatchObject({
      code: "ERR_PERMISSION",
      hint: expect.stringContaining("container"),
    });
  });

  it("refuses a user that does not exist before it binds", async () => {
    const error = await failure(bind(NIC, { user: "nobody-here" }));
    expect(error).toMatchObject({
      code: "ERR_INVALID_ARGUMENT",
      hint: expect.stringContaining("id -u nobody-here"),
    });
    expect(driverOf(NIC)).toBe("e1000e");
  });
});

describe("a binding that fails", () => {
  it.each([
    ["driver_override", /driver_override$/],
    ["the old driver's unbind", /e1000e\/unbind$|driver\/unbind$/],
    ["drivers_probe", /drivers_probe$/],
  ])("at %s leaves the function on its driver", async (_step, path) => {
    kernel.failOnce(path, "EIO");
    expect(await failure(bind(NIC))).toMatchObject({ code: "EIO" });
    expect(driverOf(NIC)).toBe("e1000e");
    expect(await overrideOf(NIC)).toBeNull();
    expect(existsSync(journal(NIC))).toBe(false);
  });

  it("because the kernel binds nothing, although the write succeeds, gives the function back", async () => {
    // As vfio-pci does when its probe fails: drivers_probe answers EINVAL, and nobody has the function.
    kernel.failOnce(/drivers_probe$/, "EINVAL");
    const error = await failure(bind(NIC));
    expect(error).toMatchObject({
      code: "ERR_BIND_FAILED",
      hint: expect.stringContaining(`dmesg | grep ${NIC}`),
    });
    expect(driverOf(NIC)).toBe("e1000e");
  });

  it("at the nodes gives nodes and function back", async () => {
    kernel.failOnce(/\/dev\/vfio\/6$/, "EPERM");
    expect(await failure(bind(NIC, { user: "alice" }))).toMatchObject({ code: "ERR_PERMISSION" });
    expect(driverOf(NIC)).toBe("e1000e");
    expect(existsSync(journal(NIC))).toBe(false);
  });

  it("twice over says both, and unbind mends it later", async () => {
    kernel.failOnce(/drivers_probe$/, "EIO");
    kernel.failOnce(/drivers_probe$/, "EBUSY");
    const error = await failure(bind(NIC));
    expect(error.message).toMatch(/EIO; and 0000:01:00.0 could not be given back: .*EBUSY/);
    expect(error.hint).toBe(`when that is mended: sudo userpci unbind ${NIC}`);
    expect(driverOf(NIC)).toBeNull();
    expect(await unbind(NIC)).toMatchObject({ driver: "e1000e", changed: true });
    expect(await overrideOf(NIC)).toBeNull();
  });

  it("between steps, because the caller aborts, gives the function back", async () => {
    const abort = new AbortController();
    const onProgress = ({ step }: BindProgress) => step === "release" && abort.abort();
    expect(await failure(bind(NIC, { signal: abort.signal, onProgress }))).toMatchObject({
      code: "ERR_ABORTED",
    });
    expect(driverOf(NIC)).toBe("e1000e");
    expect(await overrideOf(NIC)).toBeNull();
  });
});

describe("a kernel that waits", () => {
  const holder = () =>
    writeMachine(root, {
      functions: [],
      processes: [{ pid: 41, comm: "node", cmdline: ["node", "driver.js"], fds: ["/dev/vfio/6"] }],
    });

  it("is waited for, and who holds the device is reported", async () => {
    await bind(NIC);
    holder();
    let letGo = () => {};
    kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const waits: BindProgress[] = [];
    const onProgress = (progress: BindProgress) => {
      if (progress.elapsedMs === 0) return;
      waits.push(progress);
      letGo();
    };
    expect(await unbind(NIC, { onProgress, reportMs: 10 })).toMatchObject({ driver: "e1000e" });
    expect(waits[0]).toMatchObject({ step: "release", address: NIC, holders: [{ pid: 41 }] });
  });

  it("past the time-out leaves the journal, so that a second call completes the first", async () => {
    await bind(NIC);
    holder();
    let letGo = () => {};
    kernel.holdUntil(/unbind$/, new Promise((resolve) => (letGo = resolve)));
    const error = await failure(unbind(NIC, { timeoutMs: 20 }));
    expect(error).toMatchObject({
      code: "ERR_TIMEOUT",
      hint: expect.stringContaining("end pid 41 (node driver.js)"),
    });
    letGo();
    await expect.poll(() => driverOf(NIC)).toBeNull();
    expect(await unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: true });
  });

  it("is not written to again after an abort", async () => {
    kernel.holdUntil(/unbind$/, new Promise(() => {}));
    const abort = new AbortController();
    const binding = failure(bind(NIC, { signal: abort.signal }));
    await expect.poll(() => kernel.log.at(-1)).toMatch(/driver\/unbind < /);
    abort.abort();
    expect(await binding).toMatchObject({
      code: "ERR_ABORTED",
      message: expect.stringContaining("e1000e to let go"),
    });
    expect(kernel.log.at(-1)).toMatch(/driver\/unbind < /);
    expect(existsSync(journal(NIC))).toBe(true);
  });
});

describe("permission", () => {
  it("makes the user the owner of the group node, and root again at the end", async () => {
    expect(await bind(NIC, { user: "alice" })).toMatchObject({ user: { uid: 1000, name: "alice" } });
    const { uid, gid } = process.getuid
      ? { uid: process.getuid(), gid: process.getgid!() }
      : { uid: 0, gid: 0 };
    expect(kernel.log.at(-1)).toBe(`/dev/vfio/6 < 1000:${gid} 660`);
    const entry = JSON.parse(readFileSync(journal(NIC), "utf8"));
    expect(entry.nodes).toEqual({ "/dev/vfio/6": { uid, gid, mode: 0o600 } });
  });

  it("can be given later to a function that is bound already", async () => {
    await bind(NIC);
    expect(await bind(NIC, { user: 65534 })).toMatchObject({
      changed: false,
      user: { uid: 65534, name: "65534" },
    });
    expect(await unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("includes the device node and /dev/iommu where there is one, and keeps the latter while another needs it", async () => {
    writeMachine(root, {
      functions: [
        { address: NIC, id: "8086:10d3", driver: "vfio-pci", group: 6, vfioDevice: "vfio0" },
        { address: EDU, id: "1234:11e8", driver: "vfio-pci", group: 4, vfioDevice: "vfio1" },
      ],
      nodes: ["/dev/vfio/6", "/dev/vfio/4", "/dev/vfio/devices/vfio0", "/dev/vfio/devices/vfio1"],
    });
    await bind(NIC, { user: "alice" });
    await bind(EDU, { user: 2000 });
    const owned = kernel.log.filter((line) => line.startsWith("/dev/")).map((line) => line.split(":")[0]);
    expect(owned).toEqual([
      "/dev/vfio/6 < 1000",
      "/dev/vfio/devices/vfio0 < 1000",
      "/dev/iommu < 1000",
      "/dev/vfio/4 < 2000",
      "/dev/vfio/devices/vfio1 < 2000",
      "/dev/iommu < 2000",
    ]);
    const ownership = (address: string) =>
      JSON.parse(readFileSync(journal(address), "utf8")).nodes["/dev/iommu"];
    expect(ownership(EDU)).toEqual(ownership(NIC));

    kernel.log.length = 0;
    await unbind(NIC);
    expect(kernel.log.filter((line) => line.startsWith("/dev/iommu"))).toEqual([]);
    await unbind(EDU);
    expect(kernel.log.filter((line) => line.startsWith("/dev/iommu"))).toHaveLength(1);
  });
});

describe("unbind", () => {
  it("has nothing to do for a function on its own driver", async () => {
    expect(await unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: false });
    expect(kernel.log).toEqual([]);
  });

  it("lets the kernel choose for a function that somebody else bound", async () => {
    await bind(NIC);
    rmSync(journal(NIC));
    expect(await unbind(NIC)).toEqual({ address: NIC, driver: "e1000e", changed: true });
  });

  it("leaves a function alone that was bound to another driver since", async () => {
    await bind(NIC);
    await kernel.write(join(root, "/sys/bus/pci/drivers/vfio-pci/unbind"), NIC);
    await kernel.write(join(root, "/sys/bus/pci/devices", NIC, "driver_override"), "e1000");
    await kernel.write(join(root, "/sys/bus/pci/drivers_probe"), NIC);
    expect(await unbind(NIC)).toEqual({ address: NIC, driver: "e1000", changed: true });
  });

  it("says that the former driver did not take the function back, and can be tried again", async () => {
    await bind(NIC);
    kernel.failOnce(/drivers_probe$/, "EINVAL");
    kernel.failOnce(/e1000e\/bind$/, "EIO");
    const error = await failure(unbind(NIC));
    expect(error).toMatchObject({ code: "ERR_BIND_FAILED", cause: { code: "EIO" } });
    expect(await unbind(NIC)).toMatchObject({ driver: "e1000e" });
  });

  it("takes a journal that is no journal for none", async () => {
    await bind(NIC);
    for (const text of [
      "",
      "{",
      "null",
      `{"version":1,"address":"${NIC}","formerOverride":null,"formerDriver":"../x","nodes":{}}`,
    ]) {
      writeFileSync(journal(NIC), text);
      expect(await unbind(NIC)).toMatchObject({ driver: "e1000e" });
      await bind(NIC);
    }
  });
});
