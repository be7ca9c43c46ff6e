import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { boot, progressToStderr, provisionUdev, saveOverlay, type Udev, type Vm } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compiled } from "../harness/guest-code.ts";
import type { Attempt } from "../harness/try-open.ts";

const userpci = `node ${fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url))}`;
const tryOpen = `node ${compiled(fileURLToPath(new URL("../harness/try-open.ts", import.meta.url)))}`;
const say = (line: string) => progressToStderr(`persist: ${line}`);

/** A card whose own driver udev loads, an edu that has none, and the slot after the card. */
const CARD = "0000:01:00.0";
const EDU = "0000:00:04.0";
const OTHER = "0000:02:00.0";
const TWIN = "0000:03:00.0";
const ALICE = 4711;

/** The guest logs in as this machine does. */
const hasPam = existsSync("/etc/pam.d/su") && readFileSync("/etc/pam.d/su", "utf8").includes("pam_limits");

const udev = await provisionUdev(say).catch((error: unknown) => {
  console.error(`[persist] SKIPPED: no udev for the guest: ${(error as Error).message}`);
  return undefined;
});

/** Boots and starts udev as an init does: first the daemon, then an event for each device that is there. */
async function start(
  { daemon, udevadm, library }: Udev,
  devices: readonly string[],
  overlay?: string,
): Promise<Vm> {
  const vm = await boot({
    kernel: "iommufd",
    memory: "1G",
    devices,
    onProgress: say,
    ...(overlay !== undefined && { overlay }),
  });
  const subsystems = ["pci", "vfio", "vfio-dev", "misc"].map((name) => `--subsystem-match=${name}`);
  const lines = [
    "mkdir -p /usr/lib/udev",
    `mount --bind ${library} /usr/lib/udev`,
    // As it is found on a system that has it installed.
    `printf '#!/bin/sh\nexec ${udevadm.join(" ")} "$@"\n' >/usr/sbin/udevadm && chmod 755 /usr/sbin/udevadm`,
    `${daemon.join(" ")} --daemon`,
    `${udevadm.join(" ")} trigger --type=devices --action=add ${subsystems.join(" ")}`,
    `${udevadm.join(" ")} settle`,
  ];
  await vm.run(["/bin/sh", "-c", lines.join(" && ")], { check: true });
  return vm;
}

const shell = async (vm: Vm, ...lines: readonly string[]) =>
  (await vm.run(["/bin/sh", "-c", lines.join("\n")], { check: true })).stdout;

/** Driver of each function, `-` for none. */
async function drivers(vm: Vm, ...addresses: readonly string[]): Promise<string[]> {
  const links = addresses.map(
    (address) => `basename "$(readlink /sys/bus/pci/devices/${address}/driver || echo -)"`,
  );
  return (await shell(vm, ...links)).trim().split("\n");
}

/** Who owns the nodes that lead to a function: `uid:gid mode`. */
async function owners(vm: Vm, address: string): Promise<string[]> {
  const at = `/sys/bus/pci/devices/${address}`;
  const nodes = `/dev/vfio/$(basename $(readlink ${at}/iommu_group)) /dev/vfio/devices/$(ls ${at}/vfio-dev) /dev/iommu`;
  return (await shell(vm, `stat -c "%u:%g %a" ${nodes}`)).trim().split("\n");
}

describe.skipIf(udev === undefined)("what is to last, on a system that boots twice", () => {
  let folder = "";
  let vm: Vm;
  const overlay = () => join(folder, "overlay.tar");

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "userpci-persist-"));
    vm = await start(udev!, ["edu", "e1000e", "e1000e"]);
  });
  afterAll(async () => {
    await vm?.close();
    await rm(folder, { recursive: true });
  });

  it("is written by bind --persist and permit, as rules that udev finds no fault with", async () => {
    expect(await drivers(vm, CARD, OTHER, EDU)).toEqual(["e1000e", "e1000e", "-"]);
    await shell(
      vm,
      `echo 'alice:*:${ALICE}:${ALICE}::/tmp:/bin/sh' >>/etc/passwd`,
      `echo 'alice:x:${ALICE}:' >>/etc/group`,
      "echo 'drivers:x:4712:alice' >>/etc/group",
    );
    const refused = await vm.run(["/bin/sh", "-c", `${userpci} permit ${CARD} --user alice`], {
      user: ALICE,
    });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("(ERR_PERMISSION)") });
    expect(refused.stderr).toContain(`sudo userpci permit ${CARD} --user alice`);
    const printed = await shell(
      vm,
      `${userpci} bind ${CARD} --user alice --persist`,
      `${userpci} permit ${EDU} --group drivers --memlock 2G`,
      // The same rule for the next slot, where another card will be.
      `cd /etc/udev/rules.d; sed 's/01:00/02:00/' 60-userpci-bind-0000-01-00.0.rules >60-userpci-bind-0000-02-00.0.rules`,
    );
    expect(printed).toContain("60-userpci-permit-0000-01-00.0.rules");
    const rules = `${udev!.udevadm.join(" ")} verify --resolve-names=early /etc/udev/rules.d/60-userpci-*`;
    expect(await shell(vm, rules)).toMatch(/Success: 4\s+Fail: +0/);
    expect(await owners(vm, CARD)).toEqual([`${ALICE}:0 660`, `${ALICE}:0 660`, `${ALICE}:0 660`]);
    await saveOverlay(vm, overlay());
    await vm.close();
  });

  it("holds after the next boot: the card is alice's, and neither its twin nor a card in another's place is touched", async () => {
    vm = await start(udev!, ["edu", "e1000e", "nvme", "e1000e"], overlay());
    expect(await drivers(vm, CARD, OTHER, TWIN)).toEqual(["vfio-pci", "nvme", "e1000e"]);
    expect(await owners(vm, CARD)).toEqual([`${ALICE}:0 660`, `${ALICE}:0 660`, `${ALICE}:4712 660`]);
    const asAlice = await vm.run(["/bin/sh", "-c", `${tryOpen} ${CARD}`], { user: ALICE, check: true });
    expect((JSON.parse(asAlice.stdout) as Attempt).code).toBe("opened");
    if (!hasPam) return console.error("[persist] NOT TESTED: su of this machine has no pam_limits");
    // Her own limit comes before that of a group of hers (limits.conf(5)); 8 MiB is everybody's.
    expect(await shell(vm, "su alice -c 'ulimit -l'; ulimit -l")).toBe("1048576\n8192\n");
  });

  it("opens what is bound later up to who was permitted", async () => {
    // By whatever: the rule goes by the nodes.
    await shell(
      vm,
      `echo vfio-pci >/sys/bus/pci/devices/${EDU}/driver_override`,
      `echo ${EDU} >/sys/bus/pci/drivers_probe`,
      `${udev!.udevadm.join(" ")} settle`,
    );
    expect(await owners(vm, EDU)).toEqual(["0:4712 660", "0:4712 660", `${ALICE}:4712 660`]);
  });

  it("is gone with restore --persistent, and stays gone when udev sees the card again", async () => {
    await shell(vm, `${userpci} restore --persistent --all`, "modprobe -c >/tmp/modprobe");
    expect(await drivers(vm, CARD)).toEqual(["e1000e"]);
    expect(await shell(vm, "find /etc -name '*userpci*'; grep -c 'softdep e1000e' /tmp/modprobe || :")).toBe(
      "0\n",
    );
    await shell(
      vm,
      `echo ${CARD} >/sys/bus/pci/devices/${CARD}/driver/unbind`,
      `echo 1 >/sys/bus/pci/devices/${CARD}/remove`,
      "echo 1 >/sys/bus/pci/rescan",
      `${udev!.udevadm.join(" ")} settle`,
    );
    expect(await drivers(vm, CARD)).toEqual(["e1000e"]);
  });
});
