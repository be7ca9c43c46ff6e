import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSpace } from "@userpci/pci-config/builder";
import { afterAll, describe, expect, it } from "vitest";
import { printed } from "../../testing/printed.ts";
import { expectSchema } from "../../testing/schema.ts";

const folder = mkdtempSync(join(tmpdir(), "userpci-diff-"));
afterAll(() => rmSync(folder, { recursive: true }));

const bytes = buildSpace({
  vendorId: 0x1234,
  deviceId: 0x11e8,
  classCode: 0x00ff00,
  capabilities: [{ name: "msi", registers: { control: { address64: true } } }],
});
const all = file("all", bytes);
const short = file("short", bytes.subarray(0, 64));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const userpci = (...argv: string[]) => printed(...argv);

describe("config diff with a side that was read in part", () => {
  const notes = `of ${short} only 64 bytes could be read\n0x40 to 0xff were not compared: only ${all} has them\n`;

  it.each([
    [all, short],
    [short, all],
  ])("takes what was not read for neither removed nor added", async (before, after) => {
    expect(await userpci("config", "diff", before, after)).toEqual({
      status: 0,
      out: "no difference\n",
      notes,
    });
    const { out } = await userpci("config", "diff", before, after, "--json");
    expect(expectSchema("config diff", out)).toMatchObject({ configBytes: 64, changes: [] });
  });

  it("tells what differs in what both have", async () => {
    const changed = Uint8Array.from(bytes);
    changed[4] = 4;
    const { status, out } = await userpci("config", "diff", file("changed", changed), short);
    expect({ status, out }).toEqual({ status: 1, out: "command.busMaster: 1 -> 0\n" });
  });
});

describe("JSON of show as a source", () => {
  const rows = Array.from({ length: 16 }, (_, row) => {
    const digits = Buffer.from(bytes.subarray(16 * row, 16 * row + 16)).toString("hex");
    return `${row.toString(16)}0: ${digits.replace(/..(?!$)/g, "$& ")}\n`;
  });
  const two = file("two.txt", ["04", "05"].map((slot) => `00:${slot}.0 edu\n${rows.join("")}\n`).join(""));

  async function shown(name: string, ...argv: string[]) {
    return file(name, (await userpci("show", ...argv, "--json")).out);
  }

  it("is one function of a file, in an object or a list around it", async () => {
    const object = await shown("object.json", "--file", all);
    const { functions } = JSON.parse((await userpci("show", "--file", all, "--json")).out);
    const list = file("list.json", `\n[ ${JSON.stringify(functions[0])} ]`);
    const picked = await shown("picked.json", "00:05.0", "--file", two);
    for (const source of [object, list, picked]) {
      expect(await userpci("config", "check", source)).toMatchObject({ status: 0, notes: "" });
      expect(await userpci("config", "diff", all, source)).toMatchObject({ status: 0, notes: "" });
    }
  });

  it("asks which, where it has several", async () => {
    const several = await shown("several.json", "--file", two);
    const { status, notes } = await userpci("config", "check", several);
    expect(status).toBe(2);
    expect(notes).toContain("has 2 functions: 0000:00:04.0, 0000:00:05.0");
    expect(notes).toContain("userpci show ADDRESS --file DUMP --json");
  });

  it.each(["[{}, null]", '{"functions":[]}', '{"functions":3}', "[{"])("refuses %s", async (content) => {
    expect((await userpci("config", "check", file("wrong.json", content))).status).toBe(2);
  });
});
