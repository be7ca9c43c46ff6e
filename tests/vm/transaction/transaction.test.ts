import { fileURLToPath } from "node:url";
import { type BindingTools, provisionBindingTools, type Vm } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bindScript } from "../harness/bind-script.ts";
import { runLines } from "../harness/command-lines.ts";
import { compiled } from "../harness/guest-code.ts";
import { preparedVm } from "../harness/host.ts";
import { at, USER } from "../machines.ts";
import { killedAt } from "./places.ts";

const userpci = fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url));
const inGuest = (file: string) => compiled(fileURLToPath(new URL(file, import.meta.url)));

let vm: Vm;
beforeAll(async () => {
  vm = await preparedVm();
});
// The other files of the machine find their functions as they left them.
afterAll(async () => {
  await vm?.run(["sh", "-c", `${clear(Object.values(at))}${bindScript(Object.values(at))}`], { check: true });
});

const shell = (script: string) => vm.run(["sh", "-c", script], { check: true });
const command = (...argv: string[]) => vm.run(["node", userpci, ...argv], { timeoutMs: 110_000 });
const printed = async (...argv: string[]) => JSON.parse((await command(...argv, "--json")).stdout);

/** A script that takes functions from their drivers, with no override left. */
const clear = (addresses: readonly string[]) => `
  for address in ${addresses.join(" ")}; do
    function=/sys/bus/pci/devices/$address
    if [ -e $function/driver ]; then echo $address >$function/driver/unbind; fi
    echo >$function/driver_override
  done
`;

/** A script that gives functions to a driver that costs no time, as their override says. */
const park = (addresses: readonly string[]) => `${clear(addresses)}
  modprobe pci-stub
  for address in ${addresses.join(" ")}; do
    echo pci-stub >/sys/bus/pci/devices/$address/driver_override
    echo $address >/sys/bus/pci/drivers_probe
  done
`;

/** Driver and override of functions, a line each. */
async function state(addresses: readonly string[]): Promise<string[]> {
  const { stdout } = await shell(`for address in ${addresses.join(" ")}; do
    function=/sys/bus/pci/devices/$address
    echo $address $(basename $(readlink $function/driver)) $(cat $function/driver_override)
  done`);
  return stdout.trim().split("\n");
}

describe("a process that is killed while it binds", () => {
  it("leaves what restore repairs, wherever it was", async () => {
    const addresses = killedAt.map(({ address }) => address);
    await shell(park(addresses));
    const before = addresses.map((address) => `${address} pci-stub pci-stub`);
    expect(await state(addresses)).toEqual(before);

    const killed = await vm.run(["node", inGuest("./killed.ts")]);
    expect(killed).toMatchObject({ signal: "SIGKILL", stderr: "" });
    expect(await state(addresses)).toEqual(
      killedAt.map(({ address, change, when }) => {
        const done = change + (when === "after" ? 1 : 0);
        const driver = ["pci-stub", "pci-stub", "", "vfio-pci", "vfio-pci"][done]!;
        return `${address} ${driver} ${done === 0 ? "pci-stub" : "vfio-pci"}`.replace("  ", " ");
      }),
    );

    const { restored, failed } = await printed("restore");
    expect(failed).toEqual([]);
    const expected = killedAt.map(({ address, step }) => ({
      address,
      driver: "pci-stub",
      changed: true,
      present: true,
      boundAtBoot: null,
      cutShort: { action: "bind", step, since: expect.any(String) },
    }));
    expect(restored).toHaveLength(expected.length);
    expect(restored).toEqual(expect.arrayContaining(expected));
    expect(await state(addresses)).toEqual(before);
    // What config set has noted of others, on the same machine, lies in a folder below.
    expect((await shell("find /run/userpci -maxdepth 1 -type f; ls /dev/vfio")).stdout).toBe("vfio\n");
  });
});

describe("a disk that this machine uses", () => {
  // The machine's disk forgets what is written: its pages stay in memory while somebody has it open, with blocks of one size.
  const onDisk = (size: number, script: string) => `
    modprobe nvme; modprobe ext4
    for i in $(seq 200); do [ -b /dev/nvme0n1 ] && break; sleep 0.05; done
    exec 3</dev/nvme0n1
    busybox blockdev --setbsz ${size} /dev/nvme0n1
    ${script}`;

  beforeAll(async () => {
    await shell(`${clear([at.nvme])} modprobe nvme; echo ${at.nvme} >/sys/bus/pci/drivers_probe`);
  });

  it("is refused while it is mounted, and bound when it is not any more", async () => {
    const script = onDisk(
      1024,
      "busybox mke2fs -b 1024 /dev/nvme0n1 65536 >/dev/null; mkdir -p /run/disk; mount -t ext4 /dev/nvme0n1 /run/disk; echo kept >/run/disk/file",
    );
    await shell(script);
    const refused = `bind ${at.nvme} --user ${USER}`;
    const kept = `! cat /run/disk/file; cd /sys/bus/pci/devices/${at.nvme}; basename $(readlink driver); cat driver_override`;
    const bind = `bind ${at.nvme} --json`;
    const restore = `restore ${at.nvme} --json`;
    const told = await runLines(vm, [refused, kept, "! umount /run/disk", bind, restore]);
    const { status, err } = told(refused);
    expect({ status, err }).toEqual({
      status: 1,
      err: expect.stringMatching(
        /this machine uses 0000:01:00\.0: \/run\/disk \(ext4\) is mounted from nvme0n1 .*\(ERR_IN_USE\)[\s\S]*sudo umount \/run\/disk\n[\s\S]*--force/,
      ),
    });
    expect(told(kept).out).toBe("kept\nnvme\n(null)\n");
    expect(JSON.parse(told(bind).out)).toMatchObject({ changed: true, formerDriver: "nvme" });
    expect(JSON.parse(told(restore).out)).toMatchObject({ restored: [{ driver: "nvme" }] });
  });
});

/** The originals; says aloud why not. */
async function tools(): Promise<BindingTools | undefined> {
  const onProgress = (line: string) => console.error(`[transaction] ${line}`);
  return provisionBindingTools(onProgress).catch((error: Error) => {
    console.error(`[transaction] SKIPPED: no driverctl and dpdk-devbind.py: ${error.message}`);
    return undefined;
  });
}
const originals = await tools();

describe.skipIf(originals === undefined)("driverctl and dpdk-devbind.py", () => {
  it("find what they have set as they left it, and what they set is understood", async () => {
    await shell(
      `${clear([at.usb, at.e1000e])} modprobe e1000e; modprobe pci-stub; echo ${at.e1000e} >/sys/bus/pci/drivers_probe
      [ -e /sbin/modprobe ] || ln -s $(command -v modprobe) /sbin/modprobe`,
    );
    const { stdout } = await vm.run(["node", inGuest("./others.ts"), JSON.stringify(originals)], {
      check: true,
    });
    const { driverctl, devbind } = JSON.parse(stdout);
    const saved = `/etc/driverctl.d/pci-${at.usb}`;
    const line = (driver: string) => expect.arrayContaining([`${at.usb} ${driver}`]);
    expect(driverctl).toMatchObject({
      plan: {
        functions: [
          { driver: "pci-stub", origin: { by: null, override: "pci-stub", saved, formerDriver: "pci-stub" } },
        ],
      },
      bound: { driver: "vfio-pci", formerDriver: "pci-stub", changed: true },
      listed: line("vfio-pci"),
      restored: [{ driver: "pci-stub", boundAtBoot: null }],
      back: { driver: "pci-stub", overrides: line("pci-stub"), files: [`pci-${at.usb}`] },
      theirs: { by: "driverctl", override: "vfio-pci", saved },
      again: { changed: false },
      given: { driver: null, changed: true, boundAtBoot: saved },
      after: { driver: null, override: "(null)" },
      loaded: "vfio-pci",
      end: { driver: null, override: "(null)", files: [] },
    });
    expect(devbind).toMatchObject({
      theirs: { by: "other", override: null, saved: null },
      again: { changed: false, formerDriver: null },
      given: { restored: [{ driver: "e1000e", changed: true }] },
      after: { driver: "e1000e", override: "(null)" },
      seen: expect.stringMatching(/drv=vfio-pci unused=.*e1000e/),
      restored: [{ driver: "e1000e" }],
      end: { driver: "e1000e", override: "(null)", kept: false },
    });
  });
});
