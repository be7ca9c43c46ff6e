import { rmSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { diagnose } from "../doctor/diagnosis.ts";
import { readGroup } from "../group.ts";
import { openSnapshot, writeSnapshot } from "../snapshot/index.ts";
import { failure, NIC, useFakeSystem } from "../testing/fake-system.ts";
import { writeLink, writeMachine } from "../testing/machine.ts";
import { findRisks } from "./find-risks.ts";
import { freeingCommands } from "./free-group.ts";
import { parseMounts, parseSwaps } from "./mounts.ts";
import { parseAddresses4, parseAddresses6, parseRoutes4, parseRoutes6 } from "./network.ts";

const system = useFakeSystem();
/** Directory of the function in the device tree. */
const DEVICE = `/sys/devices/pci0000:01/${NIC}`;

const files = (texts: Record<string, string>) => writeMachine(system().root, { functions: [], files: texts });
const link = (path: string, target: string) => writeLink(system().root, path, target);
const risks = async () => (await findRisks(NIC, system())).map(({ kind, what, fix }) => [kind, what, fix]);

/** A block device of the function, or made of one. */
function addBlock(name: string, place: string, number: string, more: Record<string, string> = {}): void {
  const texts = Object.entries({ dev: `${number}\n`, ...more }).map(([file, text]) => [
    `${place}/${file}`,
    text,
  ]);
  files(Object.fromEntries(texts) as Record<string, string>);
  link(`/sys/class/block/${name}`, place);
}

const disk = `${DEVICE}/nvme/nvme0/nvme0n1`;
const mount = (device: string, place: string, source: string, type = "ext4") =>
  `36 1 ${device} / ${place} rw,relatime shared:1 - ${type} ${source} rw\n`;

describe("risks of storage", () => {
  it("are file systems, swap and volumes, through partitions, device mapper and RAID", async () => {
    addBlock("nvme0n1", disk, "259:0");
    addBlock("nvme0n1p1", `${disk}/nvme0n1p1`, "259:1");
    addBlock("nvme0n1p2", `${disk}/nvme0n1p2`, "259:2");
    addBlock("nvme0n1p3", `${disk}/nvme0n1p3`, "259:3");
    addBlock("dm-0", "/sys/devices/virtual/block/dm-0", "253:0", { "dm/name": "vg0-root\n" });
    addBlock("md0", "/sys/devices/virtual/block/md0", "9:0", { "md/level": "raid1\n" });
    link("/sys/class/block/nvme0n1p2/holders/md0", "/sys/devices/virtual/block/md0");
    link("/sys/class/block/md0/holders/dm-0", "/sys/devices/virtual/block/dm-0");
    addBlock("sda", "/sys/devices/pci0000:00/0000:00:1f.2/sda", "8:0");
    files({
      "/proc/self/mountinfo": `${mount("253:0", "/", "/dev/mapper/vg0-root")}${mount("259:1", "/boot\\040efi", "/dev/nvme0n1p1", "vfat")}${mount("8:0", "/data", "/dev/sda")}`,
      "/proc/swaps":
        "Filename Type Size Used Priority\n/dev/nvme0n1p3 partition 999 0 -2\n/swapfile file 99 0 -3\n",
    });
    expect(await risks()).toEqual([
      ["file-system", "/ (ext4) is mounted from dm-0 (vg0-root) on md0 (raid1) on nvme0n1p2", null],
      ["file-system", "/boot efi (vfat) is mounted from nvme0n1p1", "sudo umount '/boot efi'"],
      ["swap", "memory is swapped to nvme0n1p3", "sudo swapoff /dev/nvme0n1p3"],
      ["volume", "md0 (raid1) on nvme0n1p2 is in use", "sudo mdadm --stop /dev/md0"],
      ["volume", "dm-0 (vg0-root) on md0 (raid1) on nvme0n1p2 is in use", "sudo dmsetup remove vg0-root"],
    ]);
  });

  it("are mounts of other namespaces, of btrfs with several devices, and of NVMe that several controllers lead to", async () => {
    const shared = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
    addBlock("nvme0n1", `${shared}/nvme0n1`, "259:0");
    link(`${shared}/nvme0`, `${DEVICE}/nvme/nvme0`);
    addBlock("nvme9n1", "/sys/devices/virtual/nvme-subsystem/nvme-subsys9/nvme9n1", "259:9");
    link("/sys/fs/btrfs/1-2-3/devices/nvme0n1", `${shared}/nvme0n1`);
    link("/sys/fs/btrfs/1-2-3/devices/sdb", "/sys/class/block/sdb");
    files({
      "/proc/self/mountinfo": mount("0:44", "/srv", "/dev/sdb", "btrfs"),
      "/proc/7/mountinfo": mount("259:0", "/in/container", "/dev/nvme0n1"),
    });
    link("/proc/self/ns/mnt", "/proc/mnt:[1]");
    link("/proc/7/ns/mnt", "/proc/mnt:[2]");
    expect(await risks()).toEqual([
      ["file-system", "/srv (btrfs) is mounted from nvme0n1", "sudo umount /srv"],
      ["file-system", "/in/container (ext4) is mounted from nvme0n1", "sudo umount /in/container"],
    ]);
  });

  it("are directories of a virtual machine's host", async () => {
    files({
      [`${DEVICE}/virtio3/mount_tag`]: "hostroot\0",
      "/proc/self/mountinfo": mount("0:20", "/ro", "hostroot", "9p"),
    });
    link("/sys/bus/virtio/devices/virtio3", `${DEVICE}/virtio3`);
    expect(await risks()).toEqual([
      ["file-system", "/ro (9p) is mounted from the share hostroot", "sudo umount /ro"],
    ]);
  });

  it("end with a copied tree whose devices hold each other", async () => {
    addBlock("nvme0n1", disk, "259:0");
    addBlock("dm-0", "/sys/devices/virtual/block/dm-0", "253:0");
    link("/sys/class/block/nvme0n1/holders/dm-0", "/sys/devices/virtual/block/dm-0");
    link("/sys/class/block/dm-0/holders/nvme0n1", disk);
    expect(await risks()).toHaveLength(1);
  });
});

it("are the same in a snapshot, where what says so is in it", async () => {
  addBlock("nvme0n1", disk, "259:0");
  const shared = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0";
  addBlock("nvme1n1", `${shared}/nvme1n1`, "259:1");
  link(`${shared}/nvme1`, `${DEVICE}/nvme/nvme1`);
  files({
    "/proc/self/mountinfo": `${mount("259:0", "/", "/dev/nvme0n1")}${mount("259:1", "/srv", "/dev/nvme1n1")}${mount("0:20", "/ro", "hostroot", "9p")}`,
    [`${DEVICE}/virtio3/mount_tag`]: "hostroot\0",
    [`${DEVICE}/nvme/nvme1/state`]: "live\n",
    [`${DEVICE}/graphics/fb0/name`]: "simpledrmfb\n",
    [`${DEVICE}/tty/ttyS4/line`]: "4\n",
    "/sys/class/tty/console/active": "tty0 ttyS4\n",
    "/sys/class/tty/tty0/active": "tty1\n",
  });
  link("/sys/bus/virtio/devices/virtio3", `${DEVICE}/virtio3`);
  link("/sys/class/graphics/fb0", `${DEVICE}/graphics/fb0`);
  link("/sys/class/tty/ttyS4", `${DEVICE}/tty/ttyS4`);
  const all = await risks();
  expect(all).toHaveLength(5);
  const path = join(system().root, "copy.tar");
  await writeSnapshot(path, { ...system(), redact: true });
  using copy = openSnapshot(path);
  const copied = await findRisks(NIC, { root: copy.root });
  expect(copied.map(({ kind, what, fix }) => [kind, what, fix])).toEqual(all);
  // As on the machine, whatever directory stands for it.
  for (const { evidence } of copied) expect(evidence).toMatch(/^\/(sys|proc)\//);
});

describe("risks of a network card", () => {
  it("are routes and addresses, also through a bond and a VLAN", async () => {
    link("/sys/class/net/eth1", "/sys/devices/pci0000:00/0000:00:19.0/net/eth1");
    for (const [name, upper] of [
      ["eth0", "bond0"],
      ["bond0", "bond0.5"],
    ]) {
      const place = name === "eth0" ? `${DEVICE}/net/eth0` : `/sys/devices/virtual/net/${name}`;
      files({ [`${place}/upper_${upper}`]: "", "/sys/class/net/bonding_masters": "bond0\n" });
      link(`/sys/class/net/${name}`, place);
    }
    files({
      "/proc/net/route": [
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT",
        "bond0.5\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        "bond0.5\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
        "eth1\t0003000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
        "eth0\t0000FEA9\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
      ].join("\n"),
      "/proc/net/if_inet6":
        "20010db8000000000000000000000005 02 40 00 80    bond0\nfe800000000000000000000000000001 02 40 20 80 eth0\n",
    });
    expect(await risks()).toEqual([
      [
        "route",
        "the default route leads through bond0.5 on bond0 on eth0",
        "sudo ip route del default dev bond0.5",
      ],
      [
        "route",
        "10.0.2.0/24 is reached through bond0.5 on bond0 on eth0",
        "sudo ip route del 10.0.2.0/24 dev bond0.5",
      ],
      [
        "address",
        "bond0 on eth0 has the address 2001:db8::5/64",
        "sudo ip addr del 2001:db8::5/64 dev bond0",
      ],
    ]);
  });

  it("are the default routes of IPv4 and of IPv6, each with its own command", async () => {
    link("/sys/class/net/eth0", `${DEVICE}/net/eth0`);
    files({ [`${DEVICE}/net/eth0/address`]: "\n" });
    const zero = "0".repeat(32);
    files({
      "/proc/net/route": "eth0\t00000000\t0202000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n",
      "/proc/net/ipv6_route": `${zero} 00 ${zero} 00 ${zero} 00000400 00000001 00000000 00450003     eth0\n`,
    });
    expect(await risks()).toEqual([
      ["route", "the default route leads through eth0", "sudo ip route del default dev eth0"],
      ["route", "the default route of IPv6 leads through eth0", "sudo ip -6 route del default dev eth0"],
    ]);
  });

  it("are the IPv6 routes that lead somewhere", () => {
    const zero = "0".repeat(32);
    const route = (target: string, bits: string, flags: string) =>
      `${target} ${bits} ${zero} 00 ${zero} 00000400 00000001 00000000 ${flags}     eth0`;
    const text = [
      route(zero, "00", "00450003"),
      route(zero, "00", "00200200"),
      route(`20010db8${"0".repeat(24)}`, "40", "00000001"),
      route(`fe80${"0".repeat(28)}`, "40", "00000001"),
      route(`20010db8${"0".repeat(23)}1`, "80", "80200001"),
      route(`ff00${"0".repeat(28)}`, "08", "00000001"),
    ];
    expect(parseRoutes6(text.join("\n")).map(({ network }) => network)).toEqual(["default", "2001:db8::/64"]);
  });
});

describe("risks of display and console", () => {
  it("are the display of the firmware, monitors, and consoles", async () => {
    files({
      [`${DEVICE}/boot_vga`]: "1\n",
      [`${DEVICE}/drm/card0/card0-DP-1/status`]: "connected\n",
      [`${DEVICE}/drm/card0/card0-DP-1/enabled`]: "enabled\n",
      [`${DEVICE}/drm/card0/card0-DP-2/status`]: "connected\n",
      [`${DEVICE}/drm/card0/card0-DP-2/enabled`]: "disabled\n",
      [`${DEVICE}/graphics/fb0/name`]: "simpledrmfb\n",
      [`${DEVICE}/tty/ttyS4/line`]: "4\n",
      "/sys/class/tty/console/active": "tty0 ttyS4\n",
      "/sys/class/tty/tty0/active": "tty1\n",
    });
    for (const output of ["DP-1", "DP-2"])
      link(`/sys/class/drm/card0-${output}`, `${DEVICE}/drm/card0/card0-${output}`);
    link("/sys/class/graphics/fb0", `${DEVICE}/graphics/fb0`);
    link("/sys/class/tty/ttyS4", `${DEVICE}/tty/ttyS4`);
    expect(await risks()).toEqual([
      ["display", "it is the display that the machine started with", null],
      ["display", "a monitor on card0-DP-1 shows its picture", null],
      ["display", "the text console is drawn on fb0", null],
      ["console", "the kernel's console is on its port ttyS4", null],
    ]);
    const error = await failure(system().bind(NIC));
    expect(error).toMatchObject({ code: "ERR_IN_USE", message: expect.stringContaining("(and 3 more") });
  });
});

describe("risks of open nodes", () => {
  it("are refused for disks and graphics, and told for the rest", async () => {
    files({
      [`${DEVICE}/drm/card0/uevent`]: "MAJOR=226\nMINOR=0\nDEVNAME=dri/card0\n",
      [`${DEVICE}/sound/card0/pcm/uevent`]: "DEVNAME=snd/pcmC0D0p\n",
    });
    link(`${DEVICE}/drm/card0/subsystem`, "/sys/class/drm");
    link(`${DEVICE}/sound/card0/pcm/subsystem`, "/sys/class/sound");
    link("/sys/dev/char/226:0", `${DEVICE}/drm/card0`);
    link("/sys/dev/char/116:2", `${DEVICE}/sound/card0/pcm`);
    system().addHolder("/dev/dri/card0");
    writeMachine(system().root, {
      functions: [],
      processes: [{ pid: 42, comm: "mpv", fds: ["/dev/snd/pcmC0D0p"] }],
    });
    expect(await findRisks(NIC, system())).toMatchObject([
      { kind: "open", refuses: true, what: "pid 41 (node driver.js) has /dev/dri/card0 open" },
      { kind: "open", refuses: false, what: "pid 42 (mpv) has /dev/snd/pcmC0D0p open" },
    ]);
  });
});

describe("a function that the machine uses", () => {
  it("is bound with force only, and a mount made meanwhile counts", async () => {
    addBlock("nvme0n1", disk, "259:0");
    files({ "/proc/self/mountinfo": mount("259:0", "/mnt", "/dev/nvme0n1") });
    const error = await failure(system().bind(NIC, { user: "alice" }));
    expect(error).toMatchObject({
      code: "ERR_IN_USE",
      message: `this machine uses ${NIC}: /mnt (ext4) is mounted from nvme0n1`,
      hint: `sudo umount /mnt\nto take it all the same: sudo userpci bind ${NIC} --user alice --force`,
      details: { risks: [{ kind: "file-system" }] },
    });
    expect(system().kernel.log).toEqual([]);
    expect(await system().bind(NIC, { force: true })).toMatchObject({ changed: true });
    // Nobody else's business any more: it is on vfio-pci.
    expect(await findRisks(NIC, system())).toEqual([]);
    await system().unbind(NIC);
    rmSync(system().path("/proc/self/mountinfo"));
    expect(await system().bind(NIC)).toMatchObject({ changed: true });
  });

  it.each([
    ["/mnt", ["sudo umount /mnt", `sudo userpci bind ${NIC}  # takes it from e1000e`]],
    // The machine runs from it.
    ["/", []],
  ])("is not to be bound, for its group's sake, before that has an end (%s)", async (place, ends) => {
    const other = "0000:01:00.1";
    const audio = { address: other, id: "8086:10d4", driver: "snd_hda_intel", group: 6 };
    writeMachine(system().root, { functions: [audio] });
    expect(await findRisks(other, system())).toMatchObject([{ fix: `sudo userpci bind ${other} --group` }]);
    const free = [
      `sudo userpci bind ${NIC}  # takes it from e1000e`,
      `sudo userpci bind ${other}  # takes it from snd_hda_intel`,
    ];
    expect(await freeingCommands(readGroup(6, system()), system())).toEqual(free);

    addBlock("nvme0n1", disk, "259:0");
    files({ "/proc/self/mountinfo": mount("259:0", place, "/dev/nvme0n1") });
    const reason = `# this machine needs ${NIC}: ${place} (ext4) is mounted from nvme0n1`;
    expect(await findRisks(other, system())).toMatchObject([
      { kind: "group", refuses: false, fix: `userpci bind ${other} --group --plan  ${reason}` },
    ]);
    const look = `userpci bind ${NIC} --plan  ${reason}`;
    expect(await freeingCommands(readGroup(6, system()), system())).toEqual([look, ...ends, free[1]]);
    const { findings } = await diagnose({ root: system().root, address: other });
    const group =
      ends.length > 0
        ? `or all of the group: sudo userpci bind ${other} --group`
        : "or take another function: userpci list";
    expect(findings.find(({ check }) => check === "viable")?.fix).toEqual([look, ...ends, group]);
  });
});

describe("what the kernel's tables say", () => {
  it("is taken from any text without an error", () => {
    const line = fc.oneof(
      fc.string(),
      fc.stringMatching(/^[0-9a-f \t\n\\-]*$/),
      fc.string({ unit: "binary" }),
      fc.stringMatching(/^[0-9a-f]{32} [0-9a-f]{2,4} [0-9a-f]{2,32} 00 80 0 0 0 [0-9a-f]{8} eth0$/),
    );
    fc.assert(
      fc.property(line, (text) => {
        for (const { place } of parseMounts(text, "x")) expect(place).not.toBeUndefined();
        for (const { path } of parseSwaps(text)) expect(path).toMatch(/^\//);
        const routes = "eth0\t0002000A\t00000000\t0001\t0\t0\t0\t00FFFFFF";
        expect([
          ...parseAddresses4(text, routes),
          ...parseAddresses4("|-- 10.0.2.15\n/32 host LOCAL", text),
        ]).toEqual([]);
        for (const parse of [parseRoutes4, parseRoutes6, parseAddresses6])
          for (const { network } of parse(text)) expect(network).toMatch(/^default$|\/(\d|\d\d|1[0-2]\d)$/);
      }),
    );
  });

  it("is the address that people write, for every address and mask", () => {
    const quad = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(quad, fc.integer({ min: 1, max: 32 }), (bytes, bits) => {
        const hex = (values: readonly number[]) =>
          Buffer.from(values).reverse().toString("hex").toUpperCase();
        const mask = Buffer.alloc(4);
        mask.writeUInt32BE((0xffff_ffff << (32 - bits)) >>> 0);
        const network = `${bytes.join(".")}/${bits}`;
        fc.pre(network !== "169.254.0.0/16");
        const line = `eth0\t${hex(bytes)}\t00000000\t0001\t0\t0\t0\t${hex([...mask])}\t0\t0\t0`;
        expect(parseRoutes4(line)).toEqual([{ interface: "eth0", network, evidence: "/proc/net/route" }]);
      }),
    );
  });
});
