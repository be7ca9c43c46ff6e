import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromJSON } from "@userpci/pci-config";
import { buildSpace } from "@userpci/pci-config/builder";
import { afterAll, expect, it } from "vitest";
import { run } from "../run.ts";
import { createStyle } from "../style.ts";

const folder = mkdtempSync(join(tmpdir(), "userpci-show-"));
afterAll(() => rmSync(folder, { recursive: true }));

const edu = buildSpace({
  vendorId: 0x1234,
  deviceId: 0x11e8,
  classCode: 0x00ff00,
  capabilities: [{ name: "msi", registers: { control: { address64: true } } }],
});
const nic = buildSpace({
  vendorId: 0x8086,
  deviceId: 0x10d3,
  classCode: 0x020000,
  capabilities: [{ name: "pcie" }],
});

function rows(bytes: Uint8Array): string {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  return Array.from({ length: bytes.length / 16 }, (_, row) => {
    const digits = Array.from(bytes.subarray(16 * row, 16 * row + 16), hex);
    return `${hex(16 * row)}: ${digits.join(" ")}\n`;
  }).join("");
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const dump = file("dump.txt", `00:04.0 Unclassified\n${rows(edu)}\n0001:02:00.0 Ethernet\n${rows(nic)}\n`);
const raw = file("config", edu);

async function show(...argv: string[]) {
  let out = "";
  let notes = "";
  const status = await run(["show", ...argv], {
    write: (text) => {
      out += text;
    },
    note: (text) => {
      notes += text;
    },
    style: createStyle(false),
    noteStyle: createStyle(false),
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  });
  return { status, out, notes };
}

it("gives a program every function of a dump, in a form that reads back", async () => {
  const { status, out } = await show("-F", dump, "--json");
  expect(status).toBe(0);
  const { functions } = JSON.parse(out);
  expect(functions).toMatchObject([
    {
      address: "0000:00:04.0",
      configBytes: 256,
      config: { vendorId: 0x1234, capabilities: [{ name: "msi", offset: 0x40 }] },
    },
    { address: "0001:02:00.0", vendorName: "Intel Corporation", configBytes: 4096 },
  ]);
  expect(fromJSON(functions[1].config).find("pcie")?.offset).toBe(0x40);
});

it("shows people one function of a dump, or all", async () => {
  const one = await show("--file", dump, "0:4.0");
  expect(one.out).toMatch(/^0000:00:04\.0/);
  expect(one.out).toMatch(/Message Signaled Interrupts \(msi\) at 0x40/);
  expect(one.out).not.toContain("0001:02:00.0");
  const all = await show("-F", dump);
  expect(all.out).toMatch(/0000:00:04\.0[\s\S]*\n\n0001:02:00\.0 {2}Intel Corporation/);
});

it("takes a raw file, which tells no address", async () => {
  const { functions } = JSON.parse((await show("-F", raw, "--json")).out);
  expect(functions).toMatchObject([{ address: null, config: { deviceId: 0x11e8 } }]);
  expect((await show("-F", raw)).out).toMatch(new RegExp(`^${raw}`));
});

it.each([
  [
    "an address that it has not",
    [dump, "00:05.0"],
    /no PCI function 0000:00:05\.0 in .*\(ERR_NO_DEVICE\)\n.*0000:00:04\.0, 0001/,
  ],
  ["an address in a raw file", [raw, "00:04.0"], /ERR_NO_DEVICE\)\n.*leave out the address/],
  [
    "what is no dump",
    [file("notes.txt", "hello\n")],
    /notes\.txt is no dump of configuration space: 6 bytes/,
  ],
  [
    "a dump without bytes",
    [file("plain.txt", "00:04.0 Unclassified\n")],
    /0 bytes of 0000:00:04\.0.*\n.*lspci -xxxx/,
  ],
  ["a file that is not there", [join(folder, "none")], /none cannot be read: ENOENT/],
  ["a copied tree beside it", [dump, "--root", folder], /not from both/],
])("refuses %s", async (_, argv, message) => {
  const { status, out, notes } = await show("-F", ...argv);
  expect(status).toBeGreaterThan(0);
  expect(out).toBe("");
  expect(notes).toMatch(message);
});
