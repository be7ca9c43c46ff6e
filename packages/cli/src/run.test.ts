import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromJSON } from "@userpci/pci-config";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { commands, families } from "./commands.ts";
import { dropIns } from "./drop-in.ts";
import { run } from "./run.ts";
import { createStyle } from "./style.ts";
import type { Terminal } from "./terminal.ts";
import { expectNamed } from "./testing/schema.ts";

/** Configuration space of an edu: ids, command, status with a capability list, class 00ff00, BAR 0, MSI at 0x40. */
function eduConfig(size: 64 | 256): Uint8Array {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0x00, 0x11e8_1234, true);
  view.setUint32(0x04, 0x0010_0002, true);
  view.setUint32(0x08, 0x00ff_0010, true);
  view.setUint32(0x10, 0xfea0_0000, true);
  view.setUint8(0x34, 0x40);
  if (size > 64) view.setUint32(0x40, 0x0080_0005, true);
  return bytes;
}

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-cli-"));
  writeMachine(root, {
    functions: [
      {
        address: "0000:00:04.0",
        id: "1234:11e8",
        driver: "vfio-pci",
        group: 4,
        vfioDevice: "vfio0",
        resources: [[0xfea0_0000n, 0xfeaf_ffffn, 0x40200n]],
        config: eduConfig(256),
      },
      {
        address: "0000:00:05.0",
        id: "8086:10d3",
        classCode: 0x020000,
        driver: "e1000e",
        group: 4,
        config: eduConfig(64),
      },
      { address: "0000:00:06.0", id: "8086:100e", classCode: 0x020000 },
    ],
    groups: [{ number: 4, type: "DMA", reserved: "0x00000000fee00000 0x00000000feefffff msi\n" }],
    nodes: ["/dev/vfio/4"],
    processes: [{ pid: 41, comm: "node", cmdline: ["node", "driver.js"], fds: ["/dev/vfio/4"] }],
    files: {
      "/usr/share/misc/pci.ids": "8086  Intel Corporation\n\t10d3  82574L Gigabit Network Connection\n",
    },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

/** Runs a command line and gives what it printed. */
async function userpci(
  argv: readonly string[],
  { colours = false, columns = undefined as number | undefined } = {},
) {
  let out = "";
  let notes = "";
  const terminal: Terminal = {
    write: (text) => {
      out += text;
    },
    note: (text) => {
      notes += text;
    },
    style: createStyle(colours),
    noteStyle: createStyle(colours),
    interactive: false,
    columns,
    noteColumns: undefined,
  };
  const status = await run(argv, terminal);
  return { status, out, notes, json: () => expectNamed(out) };
}

const onTree = (...argv: string[]) => userpci([...argv, "--root", root]);

describe("list", () => {
  it("prints a line a function under titles, in columns", async () => {
    const { status, out, notes } = await onTree("list");
    expect(status).toBe(0);
    expect(notes).toBe("");
    expect(out.split("\n")).toEqual([
      "ADDRESS       ID         CLASS                DRIVER    GROUP  NAME",
      "0000:00:04.0  1234:11e8  unclassified device  vfio-pci      4",
      "0000:00:05.0  8086:10d3  Ethernet controller  e1000e        4  Intel Corporation 82574L Gigabit Network Connection",
      "0000:00:06.0  8086:100e  Ethernet controller  -                Intel Corporation",
      "",
    ]);
  });

  it("cuts names to the terminal's width", async () => {
    const { out } = await userpci(["list", "--root", root], { columns: 80 });
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(out.split("\n")[2]).toMatch(/Intel.*…$/);
  });

  it("gives programs ids as text and addresses in hexadecimal", async () => {
    const { functions } = (await onTree("list", "--json")).json();
    expect(functions).toHaveLength(3);
    expect(functions[0]).toMatchObject({
      address: "0000:00:04.0",
      id: "1234:11e8",
      class: "00ff00",
      className: "unclassified device",
      driver: "vfio-pci",
      iommuGroup: 4,
      resources: [{ index: 0, start: "0xfea00000", size: 0x10_0000 }],
    });
    expect(functions[1]).toMatchObject({
      vendorName: "Intel Corporation",
      deviceName: "82574L Gigabit Network Connection",
    });
  });

  it.each([
    [
      ["--id", "8086:"],
      ["0000:00:05.0", "0000:00:06.0"],
    ],
    [["--class", "02", "--driver", "none"], ["0000:00:06.0"]],
    [["--driver", "vfio-pci"], ["0000:00:04.0"]],
    [
      ["--group", "4"],
      ["0000:00:04.0", "0000:00:05.0"],
    ],
    [["--group", "none"], ["0000:00:06.0"]],
    [["--id", "ffff:"], []],
  ])("filters with %j", async (filter, addresses) => {
    const { status, json } = await onTree("list", "--json", ...filter);
    expect(status).toBe(0);
    expect(json().functions.map((fn: { address: string }) => fn.address)).toEqual(addresses);
  });

  it("says that nothing matches, on standard error", async () => {
    expect(await onTree("list", "--id", "ffff:")).toMatchObject({
      status: 0,
      out: "",
      notes: "no PCI function matches\n",
    });
  });

  it("tells a directory that is no copy of a machine from a machine without functions", async () => {
    const empty = mkdtempSync(join(tmpdir(), "userpci-empty-"));
    const wrong = await userpci(["list", "--root", empty]);
    expect(wrong.status).toBe(2);
    expect(wrong.notes).toMatch(/there is no .*sys\/bus\/pci\/devices \(ERR_INVALID_ARGUMENT\)\n {2}hint/);
    expect((await userpci(["show", "00:04.0", "--root", empty])).notes).toBe(wrong.notes);
    mkdirSync(join(empty, "sys/bus/pci/devices"), { recursive: true });
    const none = await userpci(["list", "--root", empty]);
    expect(none).toMatchObject({ status: 0, notes: "there is no PCI function; is /sys mounted?\n" });
    rmSync(empty, { recursive: true });
  });

  it("refuses a filter that means nothing", async () => {
    const { status, out, notes } = await onTree("list", "--group", "four");
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(notes).toMatch(
      /^error {2}"four" is not the number of an IOMMU group \(ERR_INVALID_ARGUMENT\)\n {2}hint/,
    );
  });
});

describe("show", () => {
  it("tells who owns a function, what is in its group's way, who has it open, and its registers", async () => {
    const { status, out } = await onTree("show", "00:04.0");
    expect(status).toBe(0);
    expect(out).toContain("0000:00:04.0  unclassified device  1234:11e8");
    expect(out).toMatch(/driver +vfio-pci, vfio0/);
    expect(out).toMatch(/memory +BAR 0 {2}32-bit memory, 1 MiB at 0xfea00000/);
    expect(out).toMatch(/group +4, not viable/);
    expect(out).toMatch(/0000:00:05.0 {2}e1000e uses the group/);
    expect(out).toMatch(/open in pid 41 \(node driver.js\)/);
    expect(out).toMatch(/vectors +MSI 1\n/);
    expect(out).not.toContain("configuration space");
  });

  it("tells more with -v, and every register with -vv", async () => {
    const [more, most] = [await onTree("show", "-v", "00:04.0"), await onTree("show", "00:04.0", "-vv")];
    expect(more.out).toMatch(/has +msi at 0x40/);
    expect(more.out).toMatch(/reserved +0xfee00000 to 0xfeefffff {2}msi/);
    expect(more.out).not.toContain("configuration space");
    expect(most.out.startsWith(more.out)).toBe(true);
    expect(most.out).toContain("configuration space, 256 bytes");
    expect((await onTree("show", "-v", "--verbose", "00:04.0")).out).toBe(most.out);
  });

  it("says what a copied tree does not tell of registers, and sends nobody to this machine for it", async () => {
    const outs = [["00:05.0"], ["-v", "00:05.0"], ["-vv", "00:05.0"], ["00:06.0"]].map((words) =>
      onTree("show", ...words),
    );
    const [some, more, all, none] = (await Promise.all(outs)).map(({ out }) => out);
    const why =
      "not known: the copy has the first 64 bytes of configuration space; one that root makes has all";
    expect(some).toContain(`vectors  ${why}`);
    expect(more).toMatch(new RegExp(`has +${why}`));
    expect(all).toContain(`configuration space, 64 bytes\n  the rest is ${why}\n`);
    expect(none).toMatch(/vectors +not known: the copy has no byte of configuration space;/);
    expect(`${some}${more}${all}${none}`).not.toContain("sudo");
  });

  it("says what a copied tree lacks", async () => {
    expect(await onTree("show", "00:06.0")).toMatchObject({ status: 0, notes: "" });
    const { status, notes } = await onTree("show", "-vv", "00:06.0");
    expect(status).toBe(1);
    expect(notes).toMatch(/0000:00:06.0 has no config file .*\(ERR_NOT_SUPPORTED\)\n {2}hint/);
  });

  it("gives programs everything in one object", async () => {
    const shown = (await onTree("show", "00:04.0", "--json")).json();
    expect(shown).toMatchObject({
      function: { address: "0000:00:04.0" },
      group: {
        number: 4,
        viable: false,
        reserved: [{ start: "0xfee00000", last: "0xfeefffff", type: "msi" }],
      },
      nodes: [{ path: "/dev/vfio/4" }],
      holders: [{ pid: 41 }],
      configBytes: 256,
      config: { vendorId: 0x1234, capabilities: [{ name: "msi", offset: 0x40 }] },
    });
    expect(fromJSON(shown.config).find("msi")?.offset).toBe(0x40);
  });

  it("fails, and blames no command line, for a config file that is none", async () => {
    const cut = mkdtempSync(join(tmpdir(), "userpci-cut-"));
    const config = new Uint8Array(10);
    writeMachine(cut, { functions: [{ address: "0000:00:04.0", id: "1234:11e8", config }] });
    const { status, notes } = await userpci(["show", "-vv", "00:04.0", "--root", cut]);
    rmSync(cut, { recursive: true });
    expect(status).toBe(1);
    expect(notes).toContain("not 10");
  });

  it("fails for an address where nothing is, with the addresses there are", async () => {
    const { status, notes } = await onTree("show", "00:07.0");
    expect(status).toBe(1);
    expect(notes).toContain("there is no PCI function 0000:00:07.0 (ERR_NO_DEVICE)");
    expect(notes).toContain("0000:00:04.0, 0000:00:05.0");
  });
});

describe("bind, unbind and vf", () => {
  it.each([
    [["bind", "ffff:ff:1f.7"]],
    [["unbind", "ffff:ff:1f.7"]],
    [["vf", "create", "ffff:ff:1f.7", "2"]],
    [["vf", "destroy", "ffff:ff:1f.7"]],
  ])("%j fails with an error that a program can read", async (argv) => {
    const { status, json, notes } = await userpci([...argv, "--json"]);
    expect({ status, notes }).toEqual({ status: 1, notes: "" });
    expect(json()).toMatchObject({
      error: {
        code: "ERR_NO_DEVICE",
        hint: expect.stringContaining("userpci list"),
        details: { address: "ffff:ff:1f.7" },
      },
    });
  });

  it.each(["two", "1.5", "", "0", "123456"])("refuse %j virtual functions", async (count) => {
    const { status, json } = await userpci(["vf", "create", "ffff:ff:1f.7", count, "--json"]);
    expect(status).toBe(2);
    expect(json().error.code).toBe("ERR_INVALID_ARGUMENT");
  });

  it.each(["0", "-1", "soon", "", "99999999999"])("refuse %j as a time-out", async (timeout) => {
    const { status, json } = await userpci(["unbind", "ffff:ff:1f.7", "--json", "--timeout", timeout]);
    expect(status).toBe(2);
    expect(json().error.code).toBe("ERR_INVALID_ARGUMENT");
  });
});

describe("demo --here", () => {
  it("says to an ordinary user how root runs it, before anything else", async () => {
    const geteuid = vi.spyOn(process, "geteuid").mockReturnValue(1000);
    try {
      const { status, out, notes } = await userpci(["demo", "--here"]);
      expect({ status, out }).toEqual({ status: 1, out: "" });
      expect(notes).toMatch(
        /^error {2}only root .*\(ERR_PERMISSION\)\n {2}hint {3}sudo userpci demo --here\n/,
      );
      expect((await userpci(["demo", "--here", "--json"])).json().error.code).toBe("ERR_PERMISSION");
    } finally {
      geteuid.mockRestore();
    }
  });
});

describe("a command line", () => {
  it("without a command prints help, and fails", async () => {
    const { status, notes } = await userpci([]);
    expect(status).toBe(2);
    for (const { name, summary } of commands) {
      const [family, ...others] = name.split(" ");
      // Of commands of two words the help of their family tells.
      const about = others.length === 0 ? summary : families[family!]!;
      expect(notes).toMatch(new RegExp(`${family}.*${about.slice(0, 12)}`));
    }
  });

  it.each(commands.map(({ name }) => name))("%s --help lists every option, and examples", async (name) => {
    const { status, out } = await userpci([...name.split(" "), "--help"]);
    expect(status).toBe(0);
    const spec = commands.find((command) => command.name === name)!;
    for (const { usage } of [...spec.options, { usage: "--json" }]) expect(out).toContain(usage);
    expect(out).toContain(`userpci ${spec.examples[0]![0]}`);
  });

  it.each([["lst"], ["list", "--foo"], ["show"], ["show", "00:04.0", "more"]])(
    "%j is refused with status 2",
    async (...argv) => {
      const { status, out, notes } = await userpci(argv);
      expect({ status, out }).toEqual({ status: 2, out: "" });
      expect(notes).toMatch(/^error: .*\n[\s\S]*--help/);
    },
  );

  it.each([
    ["list", "--id", "edu"],
    ["list", "--class", "zz"],
    ["list", "--group", "99999999999999999999"],
    ["show", "0000:00:04"],
    ["bind", "4"],
    ["bind", "", "--user", "alice"],
    ["unbind", "1234:11e8"],
  ])("%j, %j with a value that is none is refused with status 2", async (...argv) => {
    const { status, out, notes } = await userpci(argv);
    expect({ status, out }).toEqual({ status: 2, out: "" });
    expect(notes).toMatch(/^error {2}"[^"]*" is not .* \(ERR_INVALID_ARGUMENT\)\n {2}hint/);
    const asked = await userpci([...argv, "--json"]);
    expect(asked.status).toBe(2);
    expect(asked.json().error.code).toBe("ERR_INVALID_ARGUMENT");
  });

  it.each([
    [["--json"], "no command is given", "userpci --help says how"],
    [["show", "--json"], "missing required argument 'address'", "userpci show --help says how"],
    [["--json", "list", "x"], expect.stringContaining("too many arguments"), "userpci list --help says how"],
    [["lst", "--json"], "unknown command 'lst'", "Did you mean list?"],
  ])("%j says in JSON what is wrong, and which help explains it", async (argv, message, hint) => {
    const { status, json, notes } = await userpci(argv);
    expect({ status, notes }).toEqual({ status: 2, notes: "" });
    expect(json().error).toEqual({ code: "ERR_USAGE", message, hint, causes: [] });
  });

  it("takes --json before the command too, and as a word after --", async () => {
    expect((await userpci(["--json", "list", "--root", root])).json().functions).toHaveLength(3);
    expect((await userpci(["show", "--root", root, "--", "--json"])).notes).toContain(
      '"--json" is not a PCI address',
    );
  });

  it.each(dropIns)("--json and $name do not go together", async ({ name, inJson }) => {
    const message = `${name} prints text alone, as the original does`;
    for (const words of [
      ["--json", name],
      ["--jsonl", name],
      ["--json", name, "-s", "00:04.0", "--help"],
    ]) {
      const { status, json, notes } = await userpci(words);
      expect({ status, notes }).toEqual({ status: 2, notes: "" });
      const hint = `for JSON: ${inJson}`;
      expect(json().error).toEqual({ code: "ERR_USAGE", message, hint, causes: [] });
    }
    expect(await userpci(["--", name])).toMatchObject({ status: 2, out: "" });
  });

  it.each(dropIns)("help $name prints the original's help as a result", async ({ name, summary }) => {
    const [help, more, own] = [
      ["help", name],
      ["help", name, "-v"],
      [name, "--help"],
    ].map((argv) => userpci(argv));
    const { status, out, notes } = await help!;
    expect({ status, notes }).toEqual({ status: 0, notes: "" });
    expect(out).toContain(summary);
    const original = (await own!).notes;
    expect(out).toContain(original.slice(original.indexOf("Usage: ")));
    expect((await more!).out).toBe(out);
  });

  it.each(commands.map(({ name }) => name))("help %s does what --help does", async (name) => {
    const words = name.split(" ");
    const [help, option] = [await userpci(["help", ...words]), await userpci([...words, "--help"])];
    expect({ ...help, json: undefined }).toEqual({ ...option, json: undefined });
    expect(help.out + help.notes).toContain("Usage: ");
  });

  it("that is wrong is one JSON object too, if asked for", async () => {
    const { status, json, notes } = await userpci(["list", "--foo", "--json"]);
    expect({ status, notes }).toEqual({ status: 2, notes: "" });
    expect(json().error).toEqual({
      code: "ERR_USAGE",
      message: "unknown option '--foo'",
      hint: "Did you mean --root?",
      causes: [],
    });
  });

  it("asks for colours or not, but not in JSON", async () => {
    const mark = "\x1b[";
    expect((await userpci(["list", "--root", root], { colours: true })).out).toContain(mark);
    expect((await userpci(["list", "--root", root])).out).not.toContain(mark);
    expect((await userpci(["list", "--root", root, "--json"], { colours: true })).out).not.toContain(mark);
  });

  it("prints its version", async () => {
    expect((await userpci(["--version"])).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
