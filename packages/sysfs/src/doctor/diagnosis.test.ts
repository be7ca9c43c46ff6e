import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSnapshot, writeSnapshot } from "../snapshot/index.ts";
import { type MachineData, writeMachine } from "../testing/machine.ts";
import { type Diagnosis, diagnose } from "./diagnosis.ts";
import { Facts } from "./facts.ts";
import { kernelConfig } from "./kernel-config.ts";
import { person } from "./person.ts";
import { container } from "./platform.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-diagnosis-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Writes files, and functions where there are any. */
function machine(files: Readonly<Record<string, string>>, data: Partial<MachineData> = {}): Facts {
  writeMachine(root, { functions: [], ...data, files });
  return new Facts({ root });
}

const statusOf = ({ findings }: Diagnosis, check: string) => {
  const found = findings.find((finding) => finding.check === check);
  return found && [found.status, found.says];
};

describe("the kernel's configuration", () => {
  const text = "CONFIG_VFIO=m\n# CONFIG_IOMMUFD is not set\n";

  it.each([
    ["/boot/config-6.1", Buffer.from(text)],
    ["/proc/config.gz", gzipSync(text)],
  ])("is read from %s", (path, bytes) => {
    const facts = machine({
      "/proc/version": "Linux version 6.1 (someone)",
      [path]: bytes as unknown as string,
    });
    const config = kernelConfig(facts)!;
    expect([config.path, config.has("VFIO"), config.has("IOMMUFD")]).toEqual([path, true, false]);
  });

  it("is not unpacked beyond what one can be, and is unknown where it is damaged", () => {
    const bomb = gzipSync(Buffer.alloc(64 << 20));
    expect(kernelConfig(machine({ "/proc/config.gz": bomb as unknown as string }))).toBeNull();
    expect(kernelConfig(machine({ "/proc/config.gz": "\u001f\u008bno gzip" }))).toBeNull();
  });
});

describe("a container", () => {
  it("is a container's file system in namespaces of its own", () => {
    expect(container(machine({ "/.dockerenv": "" }))).toEqual({ path: "/.dockerenv", says: "there" });
    mkdirSync(join(root, "proc/self/ns"), { recursive: true });
    symlinkSync("pid:[4026531836]", join(root, "proc/self/ns/pid"));
    expect(container(new Facts({ root })), "a virtual machine made of an image").toBeNull();
    symlinkSync("uts:[4026532001]", join(root, "proc/self/ns/uts"));
    expect(container(new Facts({ root }))).not.toBeNull();
  });

  it.each([
    ["of its own namespaces", "uts:[4026532001]", "/run/systemd/container"],
    ["of the machine's", "uts:[4026531838]", undefined],
  ])("%s is in a snapshot what it is on its machine", async (_, uts, mark) => {
    const facts = machine({ "/run/systemd/container": "lxc\n" });
    mkdirSync(join(root, "proc/self/ns"), { recursive: true });
    symlinkSync(uts, join(root, "proc/self/ns/uts"));
    const path = join(root, "copy.tar");
    await writeSnapshot(path, { root });
    using copy = openSnapshot(path);
    expect(container(facts)?.path).toBe(mark);
    expect(container(new Facts({ root: copy.root }))).toEqual(container(facts));
  });
});

describe("who asks", () => {
  const status = (capabilities: string) =>
    `Uid:\t0\t1000\t1000\t1000\nGid:\t7\t8\t8\t8\nGroups:\t \nNSpid:\t5\nCapEff:\t${capabilities}\n`;

  it("is the effective user, whose capabilities count in the initial namespace alone", () => {
    const files = {
      "/proc/self/status": status("0000000000004002"),
      "/etc/passwd": "alice:x:1000:8::/:/bin/sh\n",
    };
    expect(person(machine(files))).toEqual({
      uid: 1000,
      name: "alice",
      groups: [8],
      initial: true,
      overrides: true,
      pins: true,
    });
    const mapped = machine({ ...files, "/proc/self/uid_map": "         0       1000          1\n" });
    expect(person(mapped)).toMatchObject({ initial: false, overrides: false, pins: false });
  });

  it("is nobody who is known where the tree does not tell", () => {
    expect(person(machine({ "/proc/self/status": "Uid: many\n" }))).toBeNull();
  });
});

describe("what cannot be seen", () => {
  it("is unknown, and no problem of the machine", async () => {
    machine({}, { functions: [{ address: "0000:00:04.0", id: "1234:11e8" }] });
    const diagnosis = await diagnose({ root, address: "00:04.0" });
    for (const check of [
      "user",
      "kernel-version",
      "command-line",
      "firmware-tables",
      "kernel-vfio",
      "memlock",
    ])
      expect(statusOf(diagnosis, check)?.[0], check).toBe("unknown");
  });

  it.each([
    [{}, "vfio-pci is not loaded, and which kernel runs is not known"],
    [
      { "/proc/sys/kernel/osrelease": "6.8.0\n" },
      "vfio-pci is not loaded, and the modules of 6.8.0 are not to be seen here",
    ],
  ])("is unknown of the modules in a copy without them (%j)", async (files, says) => {
    machine({ ...files, "/boot/config-6.8.0": "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\n" });
    const { findings, first } = await diagnose({ root });
    expect(findings.find(({ check }) => check === "modules")).toMatchObject({ status: "unknown", says });
    expect(JSON.stringify(findings)).not.toContain("/lib/modules//");
    expect(first?.check).not.toBe("modules");
  });

  it("is said of what a snapshot's maker could not read", async () => {
    const manifest = {
      format: 1,
      kernel: null,
      uid: 1000,
      redacted: true,
      nodes: [{ path: "/dev/vfio/4", uid: 0, gid: 0, mode: 0o600 }],
      unreadable: ["/sys/kernel/security/lockdown"],
      truncated: [],
    };
    machine(
      {
        "/snapshot.json": JSON.stringify(manifest),
        "/sys/kernel/security/lockdown": "",
        "/proc/self/status": "Uid:\t1000\t1000\nGid:\t1000\t1000\n",
      },
      {
        functions: [{ address: "0000:00:04.0", id: "1234:11e8", group: 4, driver: "vfio-pci" }],
        nodes: ["/dev/vfio/vfio", "/dev/vfio/4"],
      },
    );
    const diagnosis = await diagnose({ root, address: "00:04.0" });
    expect(statusOf(diagnosis, "lockdown")).toEqual(["unknown", "not for this user to see"]);
    expect(statusOf(diagnosis, "permission")).toEqual(["problem", "uid 1000 may not open /dev/vfio/4"]);
  });
});

it("warns of what works, and is not as it should be", async () => {
  machine(
    {
      "/proc/cmdline": "pcie_acs_override=downstream\n",
      "/proc/cpuinfo": "vendor_id : GenuineIntel\n",
      "/proc/interrupts": " 24: 1 PCI-MSI 0-edge\n",
      "/sys/class/iommu/dmar0/uevent": "",
      "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts": "Y\n",
      "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode": "Y\n",
      "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
      "/sys/fs/selinux/enforce": "1",
    },
    { functions: [{ address: "0000:00:04.0", id: "1234:11e8", group: 4, driver: "vfio-pci" }] },
  );
  const diagnosis = await diagnose({ root, address: "00:04.0" });
  expect(statusOf(diagnosis, "interrupt-remapping")?.[0]).toBe("warning");
  expect(statusOf(diagnosis, "no-iommu-mode")?.[0]).toBe("warning");
  expect(statusOf(diagnosis, "acs")?.[0]).toBe("warning");
  expect(statusOf(diagnosis, "lockdown")?.[1]).toMatch(/^integrity: VFIO works/);
  expect(statusOf(diagnosis, "selinux")?.[0]).toBe("note");
});

it("of the machine has the problems of every function that vfio-pci has, and no other's", async () => {
  machine(
    {},
    {
      functions: [
        { address: "0000:00:04.0", id: "1234:11e8", group: 4, driver: "vfio-pci" },
        { address: "0000:00:05.0", id: "1234:11e8", group: 4, driver: "nvme" },
        { address: "0000:00:06.0", id: "1234:11e8", driver: "e1000" },
      ],
    },
  );
  const { findings } = await diagnose({ root });
  const ofFunctions = findings.filter(({ address }) => address !== null);
  expect(new Set(ofFunctions.map(({ address }) => address))).toEqual(new Set(["0000:00:04.0"]));
  expect(ofFunctions.map(({ check }) => check)).toContain("viable");
});

it.each([
  [{ need: 0 }, "ERR_OUT_OF_RANGE"],
  [{ need: "64M" as unknown as number }, "ERR_INVALID_ARGUMENT"],
  [{ address: "edu" }, "ERR_INVALID_ARGUMENT"],
])("%j is refused", async (options, code) => {
  await expect(diagnose({ root, ...options })).rejects.toMatchObject({ code });
});

it("whatever the files say, is a diagnosis whose causes are problems", async () => {
  const paths = [
    ..."cmdline cpuinfo interrupts version self/status self/limits self/uid_map sys/kernel/osrelease"
      .split(" ")
      .map((name) => `/proc/${name}`),
    ..."/etc/passwd /etc/os-release /etc/modprobe.d/a.conf /proc/config.gz /snapshot.json".split(" "),
    ..."power_state reset_method max_link_speed class config"
      .split(" ")
      .map((name) => `/sys/devices/pci0000:00/0000:00:04.0/${name}`),
  ];
  const line = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom(
      "intel_iommu=off",
      "Uid: 1 1 1 1",
      "CapEff: zz",
      "Max locked memory x y",
      "install vfio-pci /bin/false",
      "CONFIG_VFIO=y",
    ),
  );
  const text = fc.array(line, { maxLength: 4 }).map((lines) => lines.join("\n"));
  const files = fc.dictionary(fc.constantFrom(...paths), text);
  const fn = { address: "0000:00:04.0", id: "1234:11e8", group: 4, driver: "vfio-pci" };
  await fc.assert(
    fc.asyncProperty(files, async (written) => {
      rmSync(root, { recursive: true });
      machine(written, { functions: [fn] });
      const { findings, first, healthy } = await diagnose({ root, address: fn.address });
      const problems = findings.filter(({ status }) => status === "problem");
      expect(healthy).toBe(problems.length === 0);
      expect(first === null).toBe(healthy);
      for (const { says, because } of findings) {
        expect(says).not.toMatch(/\p{Cc}/u);
        if (because !== null) expect(problems.map(({ check }) => check)).toContain(because);
      }
    }),
    { numRuns: 60 },
  );
});

it("gives no command with what a copied machine has put into its names", async () => {
  const evil = "x';touch$IFS/tmp/evil;'";
  const open = "Uid:\t4242\t4242\t4242\t4242\nGid:\t4242\t4242\t4242\t4242\nGroups:\t\nCapEff:\t0\n";
  machine(
    {
      "/proc/self/status": open,
      "/etc/passwd": `${evil}:x:4242:4242::/:/bin/sh\n`,
      "/proc/cmdline": `module_blacklist=vfio_pci,${evil}\n`,
      "/etc/default/grub": "",
    },
    { functions: [{ address: "0000:01:00.0", id: "8086:10d3", group: 6 }] },
  );
  const steps = async () => (await diagnose({ root, address: "01:00.0" })).findings.flatMap(({ fix }) => fix);
  expect((await steps()).filter((step) => step.includes("touch"))).toEqual([]);
  machine({
    "/proc/cmdline": "quiet\n",
    [`/etc/modprobe.d/${evil.replace("/tmp/", "")}.conf`]: "install vfio-pci /bin/false\n",
  });
  const edit = (await steps()).find((step) => step.includes("/etc/modprobe.d/"))!;
  const words = execFileSync("sh", ["-c", `printf '%s\\n' ${edit.replace("sudo ", "")}`], {
    encoding: "utf8",
  });
  expect(words.trimEnd().split("\n")).toHaveLength(5);
});
