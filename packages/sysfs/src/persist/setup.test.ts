import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it } from "vitest";
import { EDU, failure, NIC, OLD, useFakeSystem } from "../testing/fake-system.ts";
import { writeLink, writeMachine } from "../testing/machine.ts";
import { bindingFiles, describeBinding, permissionFiles } from "./index.ts";
import { describePermission } from "./permission.ts";
import { type PermitOptions, permitOn, persistOn, planPermit, unpermitOn, unpersistOn } from "./setup.ts";

const system = useFakeSystem();
const tree = () => ({ root: system().root });
const permit = (address: string, options: PermitOptions) =>
  permitOn(system().kernel, address, { ...tree(), ...options });
const persist = (address: string, options = {}) =>
  persistOn(system().kernel, address, { ...tree(), ...options });
const text = (path: string) => readFileSync(system().path(path), "utf8");
const put = (path: string, content: string) => {
  mkdirSync(dirname(system().path(path)), { recursive: true });
  writeFileSync(system().path(path), content);
};
const ours = () =>
  readdirSync(system().path("/etc"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.split("/").at(-1)!.includes("userpci"))
    .map((path) => `/etc/${path}`)
    .sort();
const owned = () => system().kernel.log.filter((line) => line.startsWith("/dev/"));

const RULE = "/etc/udev/rules.d/60-userpci-permit-0000-01-00.0.rules";
const BINDING = "/etc/udev/rules.d/60-userpci-bind-0000-01-00.0.rules";
const LIMIT = (kib: number) =>
  `/etc/security/limits.d/60-userpci-${String(kib).padStart(12, "0")}-0000-01-00.0.conf`;
const DROP_IN = (unit: string) => `/etc/systemd/system/${unit}.d/60-userpci-000001048576-0000-01-00.0.conf`;

describe("a permission", () => {
  it("has a rule, a limit and a drop-in, and one that replaces it leaves nothing of it behind", async () => {
    const first = await permit(NIC, { user: "alice" });
    expect(ours()).toEqual([LIMIT(2 ** 20), DROP_IN("user@1000.service"), RULE]);
    expect(first).toMatchObject({ nodes: [], after: ["sudo systemctl daemon-reload"], udev: false });
    expect(text(LIMIT(2 ** 20))).toMatch(/^alice - memlock 1048576$/m);
    expect(text(DROP_IN("user@1000.service"))).toMatch(/^\[Service\]\nLimitMEMLOCK=1073741824$/m);
    put("/etc/group", "vfio:x:107:alice\n");
    const second = await permit(NIC, { group: "vfio", memlock: 2 ** 33 });
    expect(ours()).toEqual([LIMIT(2 ** 23), RULE]);
    expect(text(LIMIT(2 ** 23))).toMatch(/^@vfio - memlock 8388608$/m);
    expect(text(RULE)).toMatch(/GROUP="vfio", MODE="0660"/);
    expect(second.files.filter(({ change }) => change === "remove")).toHaveLength(2);
    expect(existsSync(system().path("/etc/systemd/system/user@1000.service.d"))).toBe(false);
  });

  it("counts for a udev that runs at once, or once udev is told", async () => {
    put("/run/udev/control", "");
    const { kernel } = system();
    const reloads = () => kernel.log.filter((line) => line === "udevadm control --reload").length;
    expect((await permit(NIC, { user: "alice" })).after).toEqual(["sudo systemctl daemon-reload"]);
    await permit(NIC, { user: "alice" });
    expect(reloads()).toBe(1);
    kernel.hasUdevadm = false;
    expect((await unpermitOn(kernel, NIC, tree())).after[0]).toBe("sudo udevadm control --reload");
    expect(reloads()).toBe(2);
  });

  it("changes nothing the second time", async () => {
    await permit(NIC, { user: "alice" });
    const again = await permit(NIC, { user: 1000 });
    expect(again.files.map(({ change }) => change)).toEqual(["none", "none", "none"]);
    expect(again.after).toEqual([]);
  });

  it("of a function that is bound counts at once, and ends at once, but not for whom bind gave it to", async () => {
    await system().bind(NIC);
    expect((await permit(NIC, { user: "alice" })).nodes).toEqual(["/dev/vfio/6"]);
    expect(owned().at(-1)).toBe("/dev/vfio/6 < 1000:0 660");
    expect((await unpermitOn(system().kernel, NIC, tree())).nodes).toEqual(["/dev/vfio/6"]);
    expect(owned().at(-1)).toBe("/dev/vfio/6 < 0:0 600");
    await system().bind(NIC, { user: 65534 });
    await permit(NIC, { user: "alice" });
    await unpermitOn(system().kernel, NIC, tree());
    expect(owned().at(-1)).toMatch(/^\/dev\/vfio\/6 < 65534:/);
    expect(ours()).toEqual([]);
  });

  it("does not take a node that another one has", async () => {
    put("/etc/group", "vfio:x:107:alice\nother:x:108:\n");
    await permit(EDU, { user: "alice" });
    const error = await failure(permit(NIC, { user: 65534 }));
    expect(error).toMatchObject({ code: "ERR_NODE_TAKEN", details: { node: "/dev/iommu", address: EDU } });
    expect(error.hint).toContain(`sudo userpci permit ${NIC} --group NAME`);
    await permit(NIC, { group: "vfio" });
    expect(await failure(permit(OLD, { group: "other" }))).toMatchObject({ code: "ERR_NODE_TAKEN" });
    rmSync(system().path("/dev/iommu"));
    await permit(OLD, { group: "other" });
  });

  it("is planned without a change, and refused where it cannot be", async () => {
    const plan = await planPermit(NIC, { ...tree(), user: "alice", service: "capture.service" });
    expect(plan.files.map(({ change, path }) => [change, path])).toEqual([
      ["write", RULE],
      ["write", LIMIT(2 ** 20)],
      ["write", DROP_IN("user@1000.service")],
      ["write", DROP_IN("capture.service")],
    ]);
    expect(ours()).toEqual([]);
    const wrong: readonly (readonly [PermitOptions, string])[] = [
      [{}, "ERR_INVALID_ARGUMENT"],
      [{ user: "alice", group: 0 }, "ERR_INVALID_ARGUMENT"],
      [{ user: "nobody-here" }, "ERR_INVALID_ARGUMENT"],
      [{ group: "nobody-here" }, "ERR_INVALID_ARGUMENT"],
      [{ user: "alice", service: "../x.service" }, "ERR_INVALID_ARGUMENT"],
      [{ user: "alice", service: "capture" }, "ERR_INVALID_ARGUMENT"],
      [{ user: "alice", memlock: 1 }, "ERR_OUT_OF_RANGE"],
      [{ group: 2 ** 32 }, "ERR_OUT_OF_RANGE"],
    ];
    for (const [options, code] of wrong) expect(await failure(permit(NIC, options))).toMatchObject({ code });
  });

  it("is nobody's for a line without a number: of NIS, or a damaged one", async () => {
    for (const file of ["/etc/passwd", "/etc/group"]) put(file, "+::::::\n\nbob:x:-1:::\nzed:x:\n");
    for (const name of ["+", "", "bob", "zed"]) {
      expect(await failure(planPermit(NIC, { ...tree(), user: name }))).toMatchObject({
        code: "ERR_INVALID_ARGUMENT",
      });
      expect(await failure(planPermit(NIC, { ...tree(), group: name }))).toMatchObject({
        code: "ERR_INVALID_ARGUMENT",
      });
    }
    expect((await planPermit(NIC, { ...tree(), user: 0 })).permission.grantee.name).toBe("0");
  });

  it("leaves everything as it was where one file cannot be written", async () => {
    await permit(NIC, { user: "alice" });
    const before = text(RULE);
    put(`/etc/security/limits.d/60-userpci-000000000064-0000-01-00.0.conf`, "alice - memlock 64\n");
    const error = await failure(permit(NIC, { user: "alice", memlock: 65_536 }));
    expect(error).toMatchObject({ code: "ERR_BUSY", message: expect.stringContaining("did not write it") });
    rmSync(system().path("/etc/security/limits.d/60-userpci-000000000064-0000-01-00.0.conf"));
    rmSync(system().path("/etc/systemd"), { recursive: true });
    put("/etc/systemd", "a file where a directory should be");
    put("/etc/group", "vfio:x:107:\n");
    const blocked = permit(NIC, { group: "vfio", service: "capture.service" });
    expect(await failure(blocked)).toMatchObject({ code: "ENOTDIR" });
    expect(text(RULE)).toBe(before);
    expect(ours()).toEqual([LIMIT(2 ** 20), RULE]);
  });

  it("names the nodes for containers only where there are some", async () => {
    const kinds = () =>
      permissionFiles(describePermission(NIC, { ...tree(), user: "alice" })).map(({ kind }) => kind);
    expect(kinds()).toEqual(["udev", "limits", "systemd"]);
    for (const ask of [permit, persist])
      expect(await failure(ask(NIC, { user: "alice", cdi: true }))).toMatchObject({
        code: "ERR_WRONG_DRIVER",
      });
    expect(ours()).toEqual([]);
    await system().bind(NIC);
    put("/sys/class/vfio/6/dev", "252:0\n");
    put("/sys/class/misc/vfio/dev", "10:196\n");
    expect(kinds()).toEqual(["udev", "limits", "systemd", "oci", "cdi"]);
    await permit(NIC, { user: "alice", cdi: true });
    expect(
      JSON.parse(text("/etc/cdi/userpci-0000-01-00.0.json")).devices[0].containerEdits.deviceNodes,
    ).toEqual([
      { path: "/dev/vfio/vfio", permissions: "rw", fileMode: 0o660, uid: 1000 },
      { path: "/dev/vfio/6", permissions: "rw", fileMode: 0o660, uid: 1000 },
    ]);
  });
});

describe("a persistent binding", () => {
  it("has a rule, an order of modules, and both in the initial root of whichever tool is here", async () => {
    for (const sign of ["initramfs-tools", "dracut.conf.d"]) mkdirSync(system().path(`/etc/${sign}`));
    put("/etc/mkinitcpio.conf", "");
    const { after } = await persist(NIC);
    const hook = "/etc/initramfs-tools/hooks/userpci-0000-01-00.0";
    expect(ours()).toEqual([
      "/etc/dracut.conf.d/userpci-0000-01-00.0.conf",
      hook,
      "/etc/mkinitcpio.conf.d/userpci-0000-01-00.0.conf",
      "/etc/modprobe.d/userpci-0000-01-00.0.conf",
      BINDING,
    ]);
    expect(after).toEqual(["sudo update-initramfs -u", "sudo dracut --force", "sudo mkinitcpio -P"]);
    expect(text("/etc/modprobe.d/userpci-0000-01-00.0.conf")).toMatch(/^softdep e1000e pre: vfio-pci$/m);
    expect(statSync(system().path(hook)).mode & 0o777).toBe(0o755);
    expect(execFileSync("sh", [system().path(hook), "prereqs"], { encoding: "utf8" })).toBe("udev\n");
    execFileSync("sh", ["-n", system().path(hook)]);
    expect(text(hook)).toContain(`copy_file rule ${BINDING}\n`);
  });

  it("knows the driver that a bound function had", async () => {
    await system().bind(NIC);
    expect(await describeBinding(NIC, tree())).toMatchObject({ formerDriver: "e1000e" });
    await system().bind(EDU);
    await persistOn(system().kernel, EDU, tree());
    expect(ours()).toEqual(["/etc/udev/rules.d/60-userpci-bind-0000-00-04.0.rules"]);
  });

  it("comes with a permission in one, and goes with it", async () => {
    await persist(NIC, { user: "alice" });
    expect(ours()).toHaveLength(5);
    const { files } = await unpersistOn(system().kernel, NIC, tree());
    expect(files.every(({ change }) => change === "remove")).toBe(true);
    expect(ours()).toEqual([]);
    expect((await unpersistOn(system().kernel, "0000:99:00.0", tree())).files).toEqual([]);
  });

  it("goes alone: what another function has whose address ends so stays", async () => {
    const others = [
      BINDING.replace("0000-", "10000-"),
      RULE.replace("0000-", "10000-"),
      LIMIT(2 ** 20).replace("0000-01", "10000-01"),
    ];
    for (const path of others) put(path, "# Written by userpci for 10000:01:00.0\n");
    await persist(NIC, { user: "alice" });
    await unpersistOn(system().kernel, NIC, tree());
    expect(ours()).toEqual(others.sort());
  });

  it("is for this card alone, in each line that gives or takes: another in its slot has other ids", async () => {
    await persist(NIC, { user: "alice" });
    const lines = text(RULE).split("\n");
    const grants = lines.filter((line) => line.includes("OWNER="));
    expect(grants).toHaveLength(4);
    for (const line of grants) {
      expect(line).toMatch(/vendor\}=="0x8086"/);
      expect(line).toMatch(/device\}=="0x10d3"/);
    }
    const binding = text(BINDING);
    const first = binding.search(/^(?:IMPORT|ATTR\{driver_override)/m);
    for (const key of [`KERNEL!="${NIC}"`, 'ATTR{vendor}!="0x8086"', 'ATTR{device}!="0x10d3"'])
      expect(binding.slice(0, first)).toContain(`${key}, GOTO="end"\n`);
  });

  it("leaves nothing of a call that was killed, and is found as long as anything of it is there", async () => {
    const draft = BINDING.replace("60-", ".60-").concat(".11111111-2222-3333-4444-555555555555.tmp");
    await persist(NIC);
    put(draft, "# Wr");
    const { files } = await unpersistOn(system().kernel, NIC, tree());
    expect(files.at(-1)).toMatchObject({ path: BINDING, change: "remove" });
    expect(ours()).toEqual([]);
  });

  it("has the former driver's module come later, whatever the driver is called", async () => {
    const softdep = async (driver: string, module: string | null) => {
      writeMachine(system().root, {
        functions: [{ address: NIC, id: "8086:10d3", driver, group: 6 }],
        files: { [`/sys/module/${module ?? "none"}/refcnt`]: "1" },
      });
      const place = `/sys/bus/pci/drivers/${driver}/module`;
      if (module !== null) writeLink(system().root, place, `/sys/module/${module}`);
      const made = bindingFiles(await describeBinding(NIC, tree())).find(({ kind }) => kind === "modprobe");
      return made?.text.split("\n").find((line) => line.startsWith("softdep")) ?? null;
    };
    expect(await softdep("xhci_hcd", "xhci_pci")).toBe("softdep xhci_pci pre: vfio-pci");
    expect(await softdep("hexium gemini", "hexium_gemini")).toBe("softdep hexium_gemini pre: vfio-pci");
    // Of a driver that is part of the kernel nobody loads a module.
    expect(await softdep("Multimedia eXtension Board", null)).toBeNull();
  });

  it("needs driver_override, and files that are its own", async () => {
    expect(await failure(persist(OLD))).toMatchObject({ code: "ERR_NOT_SUPPORTED" });
    put(BINDING, "# mine\n");
    expect(await failure(persist(NIC))).toMatchObject({ code: "ERR_BUSY", path: BINDING });
    expect(await failure(unpersistOn(system().kernel, NIC, tree()))).toMatchObject({ code: "ERR_BUSY" });
    expect(text(BINDING)).toBe("# mine\n");
  });
});
