import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { run } from "../run.ts";
import { createStyle } from "../style.ts";
import type { Terminal } from "../terminal.ts";

interface Recorded {
  readonly devices: Readonly<Record<string, string>>;
  readonly cases: readonly {
    readonly argv: readonly string[];
    readonly status: number;
    readonly stdout: string;
    readonly stderr: string;
    readonly changed: Readonly<Record<string, Readonly<Record<string, number>>>>;
  }[];
}

const read = (name: string): string =>
  readFileSync(new URL(`../../fixtures/${name}`, import.meta.url), "utf8");
const { devices, cases } = JSON.parse(read("setpci.json")) as Recorded;
const contents = Object.entries(devices).map(
  ([address, text]) => [address, Buffer.from(text, "base64")] as const,
);

let root: string;
const directoryOf = (address: string): string => join(root, "sys/bus/pci/devices", address);
const configOf = (address: string): string => join(directoryOf(address), "config");

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-setpci-"));
  for (const [address, bytes] of contents) {
    const directory = join(root, "sys/devices/pci0001:00", address);
    mkdirSync(directory, { recursive: true });
    mkdirSync(join(root, "sys/bus/pci/devices"), { recursive: true });
    symlinkSync(`../../../devices/pci0001:00/${address}`, directoryOf(address));
    const number = (offset: number, length: number) => `0x${bytes.readUIntLE(offset, length).toString(16)}\n`;
    writeFileSync(join(directory, "vendor"), number(0, 2));
    writeFileSync(join(directory, "device"), number(2, 2));
    writeFileSync(join(directory, "class"), number(9, 3));
  }
});

beforeEach(() => {
  for (const [address, bytes] of contents) {
    rmSync(configOf(address), { recursive: true, force: true });
    writeFileSync(configOf(address), bytes);
  }
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

async function setpci(argv: readonly string[], changed = changes) {
  let stdout = "";
  let stderr = "";
  const plain = createStyle(false);
  const terminal: Terminal = {
    write: (text) => {
      stdout += text;
    },
    note: (text) => {
      stderr += text;
    },
    style: plain,
    noteStyle: plain,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  };
  const access = ["-A", "linux-sysfs", "-O", `sysfs.path=${join(root, "sys/bus/pci")}`];
  const alone = argv.length === 1 && argv[0]!.startsWith("--");
  const status = await run(["setpci", ...(alone ? [] : access), ...argv], terminal);
  return { status, stdout, stderr, changed: changed() };
}

/** Bytes that differ from what the devices had, by address and offset. */
function changes(): Record<string, Record<string, number>> {
  const found: Record<string, Record<string, number>> = {};
  for (const [address, before] of contents) {
    const after = readFileSync(configOf(address));
    const changed = [...after.entries()].filter(([offset, byte]) => byte !== before[offset]);
    if (changed.length > 0) found[address] = Object.fromEntries(changed);
  }
  return found;
}

describe("userpci setpci does and prints what setpci of pciutils 3.15 does", () => {
  it.each(cases.map((recorded) => [recorded.argv.join(" "), recorded] as const))(
    "%s",
    async (_, recorded) => {
      const { argv, ...wanted } = recorded;
      expect(await setpci(argv)).toEqual(wanted);
    },
  );
});

describe("userpci setpci", () => {
  it("prints the original's help but for the ways to devices, to standard error", async () => {
    const { status, stdout, stderr } = await setpci(["--help"]);
    expect([status, stdout]).toEqual([0, ""]);
    expect(stderr).toMatch(/^Usage: setpci \[<options>\] \(<device>\+ <reg>\[=<values>\]\*\)\*\n/);
  });

  it("does not write behind the bytes that a function has", async () => {
    const { status, stderr, changed } = await setpci(["-s", "1:0:0.0", "100.b=1"]);
    expect([status, stderr, changed]).toEqual([
      1,
      "setpci: 0001:00:00.0: Register 100 lies behind the 256 bytes of the function\n",
      {},
    ]);
  });

  // Recorded of setpci 3.15 as a user who may not write, and of one who may not read either.
  it.each<[string, number, string, number, string?]>([
    ["COMMAND=1", 0, "", 1],
    ["COMMAND COMMAND=0:1 COMMAND", 0, "ffff\nffff\n", 4],
    ["0.w=1:1,2:1,3", 0, "", 5],
    ["COMMAND -s 1:0:0.0 100.l=1", 0, "ffff\n", 2],
    [
      "CAP_PM+4.w COMMAND=1",
      1,
      "",
      4,
      "Instance #0 of Capability 0001 not found - there are no capabilities with that id.",
    ],
    [
      "0.b=1 ECAP_AER+4.l",
      1,
      "",
      5,
      "Instance #0 of Extended capability 0001 not found - there are no capabilities with that id.",
    ],
    ["PRIMARY_BUS=1", 1, "", 1, "Does not have register PRIMARY_BUS."],
  ])("goes on where it may not open a function: %s", async (line, status, stdout, messages, last) => {
    const config = configOf("0001:00:00.0");
    rmSync(config);
    mkdirSync(config);
    const got = await setpci(["-s", "1:0:0.0", ...line.split(" ")], () => ({}));
    const cannot = `pcilib: Cannot open ${config}\n`.repeat(messages);
    expect([got.status, got.stdout, got.stderr]).toEqual([
      status,
      stdout,
      `${cannot}${last === undefined ? "" : `setpci: 0001:00:00.0: ${last}\n`}`,
    ]);
  });

  it("refuses other ways to devices than sysfs", async () => {
    const { status, stderr } = await setpci(["-A", "intel-conf1", "-s", "1:0:0.0", "COMMAND"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/-A intel-conf1 is not supported/);
  });
});
