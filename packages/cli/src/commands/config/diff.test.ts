import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSpace } from "@userpci/pci-config/builder";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "../../run.ts";
import { createStyle } from "../../style.ts";
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

async function userpci(...argv: string[]) {
  let out = "";
  let notes = "";
  const style = createStyle(false);
  const status = await run(argv, {
    write: (text) => {
      out += text;
    },
    note: (text) => {
      notes += text;
    },
    style,
    noteStyle: style,
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  });
  return { status, out, notes };
}

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
