import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findFunctions, readTopology } from "@userpci/sysfs";
import { type OpenSnapshot, openSnapshot, readManifest } from "@userpci/sysfs/snapshot";
import type { Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepare } from "./harness/host.ts";
import { at } from "./machines.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));

describe("a snapshot of a live machine", () => {
  let vm: Vm;
  let folder: string;
  let file: string;
  let copy: OpenSnapshot;

  beforeAll(async () => {
    vm = await testVm("main");
    await prepare(vm);
    folder = mkdtempSync(join(tmpdir(), "userpci-discovery-"));
    file = join(folder, "machine.tgz");
    // One process: a Node takes a second to start there.
    const made = await vm.run(["sh", "-c", `node ${userpci} snapshot /tmp/m.tgz >&2 && base64 /tmp/m.tgz`]);
    expect(made).toMatchObject({ code: 0 });
    writeFileSync(file, Buffer.from(made.stdout, "base64"));
    copy = openSnapshot(file);
  });
  afterAll(() => {
    copy?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  /** What the built command prints here of the machine there. */
  async function printed(...argv: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(process.execPath, [userpci, ...argv, "--root", file]);
    return stdout;
  }

  it("has every function, with its driver and its group", async () => {
    const listed = await vm.run([
      "sh",
      "-c",
      "cd /sys/bus/pci/devices && for d in *; do readlink $d/iommu_group; done",
    ]);
    const functions = findFunctions({}, copy);
    expect(functions.map(({ iommuGroup }) => String(iommuGroup))).toEqual(
      listed.stdout
        .trim()
        .split("\n")
        .map((target) => target.slice(target.lastIndexOf("/") + 1)),
    );
    expect(findFunctions({ driver: "vfio-pci" }, copy).map(({ address }) => address)).toEqual(
      expect.arrayContaining([at.edu, at.nvme]),
    );
    expect(readManifest(copy)).toMatchObject({ uid: 0, unreadable: [] });
    expect(readManifest(copy)?.nodes.map(({ path }) => path)).toContain("/dev/vfio/vfio");
  });

  it("tells ports, links and why functions behind a conventional bridge share a group", () => {
    const topology = readTopology(copy);
    expect(topology.path(at.nvme).map(({ portType }) => portType)).toEqual(["root port", "endpoint"]);
    expect(topology.node(at.nvme).link).toMatchObject({
      speed: expect.any(Number),
      width: expect.any(Number),
    });
    expect(topology.gaps(at.pairedEdu)).toMatchObject([{ why: expect.stringContaining("conventional PCI") }]);
  });

  it("is read by list, show and groups as the built command", async () => {
    const [tree, shown, groups] = await Promise.all([
      printed("list", "--tree"),
      printed("show", "-vv", at.nvme),
      printed("groups", "--json"),
    ]);
    expect(tree).toMatch(new RegExp(`^│? *(├|└)─ ${at.nvme} .*vfio-pci, group \\d+`, "m"));
    expect(shown).toMatch(/vectors +MSI-X \d+/);
    expect(shown).toContain("configuration space, 4096 bytes");
    const pair = JSON.parse(groups).groups.find(({ members }: { members: { address: string }[] }) =>
      members.some(({ address }) => address === at.pairedEdu),
    );
    expect(pair.members.map(({ address }: { address: string }) => address)).toContain(at.pairedE1000);
    expect(pair.gaps[0].why).toContain("conventional PCI");
  });
});
