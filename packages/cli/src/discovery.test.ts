import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { run } from "./run.ts";
import { createStyle } from "./style.ts";
import { expectLines, expectSchema } from "./testing/schema.ts";

const NIC = "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0";

let base = "";
let root = "";
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), "userpci-discovery-"));
  root = join(base, "machine");
  const link = { current_link_width: "1\n", max_link_width: "4\n", max_link_speed: "8.0 GT/s PCIe\n" };
  writeMachine(root, {
    functions: [
      {
        address: "0000:00:01.0",
        id: "8086:1901",
        classCode: 0x060400,
        driver: "pcieport",
        group: 1,
        config: new Uint8Array(256),
        attributes: { ...link, current_link_speed: "2.5 GT/s PCIe\n" },
      },
      {
        address: "0000:01:00.0",
        id: "8086:10d3",
        classCode: 0x020000,
        driver: "e1000e",
        group: 1,
        parent: "0000:00:01.0",
        attributes: {
          ...link,
          current_link_speed: "2.5 GT/s PCIe\n",
          modalias: "pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00\n",
          power_state: "D3hot\n",
          aer_dev_correctable: "RxErr 0\nBadTLP 3\nTOTAL_ERR_COR 3\n",
        },
      },
      { address: "0000:00:04.0", id: "1234:11e8", driver: "vfio-pci", group: 4 },
      { address: "0001:00:00.0", id: "1234:11e8" },
    ],
    groups: [{ number: 1, type: "DMA-FQ" }, { number: 4 }],
    files: {
      "/usr/share/misc/pci.ids":
        "8086  Intel Corporation\n\t10d3  82574L\n\t1901  Root Port\n1234  QEMU\n\t11e8  edu\n",
      "/proc/sys/kernel/osrelease": "6.12.9-test\n",
      "/lib/modules/6.12.9-test/modules.alias": "alias pci:v00008086d000010D3sv*sd*bc*sc*i* e1000e\n",
      [`${NIC}/net/enp1s0/address`]: "52:54:00:12:34:56\n",
      "/sys/bus/pci/slots/7/address": "0000:01:00\n",
    },
  });
});
afterAll(() => rmSync(base, { recursive: true }));
afterEach(() => void vi.unstubAllEnvs());

/** Runs a command line on a machine, and gives what it printed. */
async function userpci(argv: readonly string[], machine = root) {
  const printed: Buffer[] = [];
  let notes = "";
  const status = await run([...argv, "--root", machine], {
    write: (part) => printed.push(Buffer.from(part)),
    note: (text) => {
      notes += text;
    },
    style: createStyle(false),
    noteStyle: createStyle(false),
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  });
  const bytes = Buffer.concat(printed);
  return { status, notes, bytes, out: bytes.toString() };
}

describe("list --tree", () => {
  it("puts functions below their bridges, with what a link could be", async () => {
    expect((await userpci(["list", "--tree"])).out.split("\n")).toEqual([
      "bus 0000:00",
      "├─ 0000:00:01.0  8086:1901  Intel Corporation Root Port  pcieport, group 1, 2.5 GT/s x1",
      "│  └─ 0000:01:00.0  8086:10d3  Intel Corporation 82574L  e1000e, group 1, slot 7, 2.5 GT/s x1, could be 8 GT/s x4, D3hot",
      "└─ 0000:00:04.0  1234:11e8  QEMU edu  vfio-pci, group 4",
      "bus 0001:00",
      "└─ 0001:00:00.0  1234:11e8  QEMU edu",
      "",
    ]);
  });

  it("keeps the bridges that lead to what a filter leaves", async () => {
    const { out } = await userpci(["list", "--tree", "--driver", "e1000e", "--json"]);
    const { functions, tree } = expectSchema("list", out);
    expect(functions).toHaveLength(1);
    expect(tree).toMatchObject([
      {
        bus: "0000:00",
        children: [{ address: "0000:00:01.0", children: [{ address: "0000:01:00.0", slot: "7" }] }],
      },
    ]);
  });
});

describe("list --jsonl", () => {
  const addresses = (lines: readonly { address?: string }[]) => lines.map(({ address }) => address);

  it("prints a function a line, and nothing where none matches", async () => {
    const lines = expectLines("list", (await userpci(["list", "--id", "1234:11e8", "--jsonl"])).out);
    expect(addresses(lines)).toEqual(["0000:00:04.0", "0001:00:00.0"]);
    expect((await userpci(["list", "--id", "dead:beef", "--jsonl"])).out).toBe("");
  });

  it("prints a root bus a line after them with --tree", async () => {
    const { out } = await userpci(["list", "--tree", "--driver", "e1000e", "--jsonl"]);
    expect(expectLines("list", out)).toMatchObject([
      { address: "0000:01:00.0" },
      { bus: "0000:00", children: [{ address: "0000:00:01.0" }] },
    ]);
  });
});

describe("list --columns", () => {
  it("prints those that are asked for, in their order", async () => {
    const { out } = await userpci([
      "list",
      "--id",
      "8086:10d3",
      "--columns",
      "interface,address,modules,link,parent",
    ]);
    expect(out.split("\n").slice(0, 2)).toEqual([
      "INTERFACE  ADDRESS       MODULES  LINK         BRIDGE",
      "enp1s0     0000:01:00.0  e1000e   2.5 GT/s x1  0000:00:01.0",
    ]);
  });

  it("adds to the usual ones, with the name last, and shows all", async () => {
    const titles = async (columns: string) =>
      (await userpci(["list", "--columns", columns])).out.split("\n")[0]!.split(/ +/);
    expect(await titles("+interface")).toEqual([
      "ADDRESS",
      "ID",
      "CLASS",
      "DRIVER",
      "GROUP",
      "INTERFACE",
      "NAME",
    ]);
    expect(await titles("all")).toEqual(
      expect.arrayContaining(["SUBSYSTEM", "REV", "MODULES", "LINK", "BRIDGE", "NAME"]),
    );
  });

  it("has a title and a dash for what was asked for by name, and leaves empty ones of a set out", async () => {
    const nic = ["list", "--id", "8086:10d3", "--columns"];
    expect((await userpci([...nic, "vfs"])).out).toBe("VFS\n  -\n");
    expect((await userpci([...nic, "address,vfs"])).out).toBe("ADDRESS       VFS\n0000:01:00.0    -\n");
    expect((await userpci([...nic, "all"])).out).not.toContain("VFS");
    for (const columns of ["all,vfs", "+vfs"])
      expect((await userpci([...nic, columns])).out).toMatch(/^ADDRESS .* VFS /);
  });

  it("does not go with --tree", async () => {
    const { status, notes } = await userpci(["list", "--tree", "--columns", "address"]);
    expect(status).toBe(2);
    expect(notes).toContain("--columns does not go with --tree");
  });

  it("refuses one that is none, with those there are", async () => {
    const { status, notes } = await userpci(["list", "--columns", "address,speed"]);
    expect(status).toBe(2);
    expect(notes).toMatch(/"speed" is not a column .*\n {2}hint {3}there are address, id,/);
  });
});

describe("show", () => {
  it("tells link, slot, place, modules and errors, also to programs", async () => {
    const { out } = await userpci(["show", "-v", "01:00.0"]);
    expect(out).toContain("e1000e, enp1s0");
    for (const [name, value] of [
      ["slot", "7"],
      ["link", "2.5 GT/s x1, could be 8 GT/s x4"],
      ["power", "D3hot"],
      ["path", "0000:00:01.0  bridge"],
      ["modules", "e1000e"],
      ["errors", "0000:01:00.0  correctable BadTLP: 3"],
      ["open", "0000:00:01.0  a bridge to conventional PCI: all below it looks like one device to the IOMMU"],
    ]) {
      expect(out).toMatch(new RegExp(`^  ${name} +${value}$`, "m"));
    }
    const json = expectSchema("show", (await userpci(["show", "00:01.0", "--json"])).out);
    expect(json).toMatchObject({
      place: { portType: null, link: { width: 1 }, bridges: [], acs: null },
      modules: [],
    });
  });
});

describe("groups", () => {
  it("shows members, why they are together, and what frees them", async () => {
    const bridge = "PCI bridge           a bridge; its port driver does no DMA";
    expect((await userpci(["groups"])).out.split("\n")).toEqual([
      "group 1  not viable  DMA-FQ",
      `  0000:00:01.0  8086:1901  ${bridge}           Root Port`,
      "  0000:01:00.0  8086:10d3  Ethernet controller  e1000e uses the group for the kernel's own DMA  82574L",
      "  together because of 0000:00:01.0, a bridge to conventional PCI: all below it looks like one device to the IOMMU",
      "  sudo userpci bind 0000:01:00.0  # takes it from e1000e",
      "",
      "group 4  viable",
      "  0000:00:04.0  1234:11e8  unclassified device  bound to a VFIO driver  edu",
      "",
    ]);
  });

  it.each([
    [["groups", "4"], [4]],
    [["groups", "--viable"], [4]],
    [["groups", "--blocked"], [1]],
    [["groups", "--driver", "vfio-pci"], [4]],
    [["groups", "--driver", "igb"], []],
  ])("%j for programs", async (argv, numbers) => {
    const { groups } = expectSchema("groups", (await userpci([...argv, "--json"])).out);
    expect(groups.map(({ number }: { number: number }) => number)).toEqual(numbers);
  });

  it("prints a group a line for programs that read lines", async () => {
    const lines = expectLines("groups", (await userpci(["groups", "--jsonl"])).out);
    expect(lines.map(({ number }) => number)).toEqual([1, 4]);
  });

  it("fails for a group that is not there, and refuses what is no number", async () => {
    expect(await userpci(["groups", "9"])).toMatchObject({ status: 1, out: "" });
    expect((await userpci(["groups", "nine"])).status).toBe(2);
    expect((await userpci(["groups", "--driver", "igb"])).notes).toBe("no IOMMU group matches\n");
  });
});

describe("snapshot", () => {
  it("makes an archive that --root reads as it reads the machine", async () => {
    const file = join(base, "machine.tgz");
    const json = expectSchema("snapshot", (await userpci(["snapshot", file, "--redact", "--json"])).out);
    expect(json).toMatchObject({
      file,
      kernel: "6.12.9-test",
      redacted: true,
      bytes: readFileSync(file).length,
    });
    const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("userpci-snapshot-"));
    // Other tests make copies too.
    vi.stubEnv("TMPDIR", base);
    for (const argv of [["list", "--tree"], ["groups"], ["list", "--columns", "all", "--json"]]) {
      const [copy, machine] = [await userpci(argv, file), await userpci(argv)];
      // The copy has no database of names.
      expect(copy.out.replaceAll(/[^\d.:]/g, "").length).toBeGreaterThan(20);
      expect(copy.status).toBe(machine.status);
    }
    // Of each command the copy is gone with its end, also of one that fails.
    expect((await userpci(["show", "07:00.0"], file)).status).toBe(1);
    expect(copies()).toEqual([]);
  });

  it("says what is in it, and goes to standard output", async () => {
    const { out } = await userpci(["snapshot", join(base, "plain.tar")]);
    expect(out).toMatch(
      /plain.tar {2}\d+ KiB, \d+ files, kernel 6.12.9-test\nwith MAC and IP addresses.*--redact/,
    );
    const { bytes } = await userpci(["snapshot", "-"]);
    expect(bytes.equals(readFileSync(join(base, "plain.tar")))).toBe(true);
    expect((await userpci(["snapshot", "-", "--json"])).status).toBe(2);
  });

  it("names who may read the rest, and keeps secrets then too", async () => {
    const copied = join(base, "copied");
    const manifest = { format: 1, kernel: null, uid: 1000, redacted: true, nodes: [], truncated: [] };
    const text = JSON.stringify({ ...manifest, unreadable: ["/proc/interrupts"] });
    writeMachine(copied, {
      functions: [{ address: "0000:00:04.0", id: "1234:11e8" }],
      files: { "/snapshot.json": text },
    });
    const file = join(base, "again.tar");
    const { out } = await userpci(["snapshot", file], copied);
    expect(out).toContain("without MAC and IP addresses");
    expect(out).toContain(`for those: sudo userpci snapshot - --redact > ${file}\n`);
  });

  it("is refused if it is damaged, or of something else", async () => {
    const file = join(base, "bad.tar");
    writeFileSync(file, "no archive");
    const { status, notes } = await userpci(["list"], file);
    expect(status).toBe(2);
    expect(notes).toMatch(/^error {2}the archive .*\(ERR_INVALID_ARGUMENT\)\n {2}hint/);
  });
});
