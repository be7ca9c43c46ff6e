import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type ConfigWrite,
  forgetConfigChange,
  lastConfigChange,
  noteConfigChange,
  readConfigChanges,
} from "./config-journal.ts";
import { writeMachine } from "./testing/machine.ts";

const NIC = "0000:01:00.0";
const write = (after: number): ConfigWrite => ({ name: "COMMAND", offset: 4, width: 16, before: 0, after });

let root: string;
const card = (id: string) => writeMachine(root, { functions: [{ address: NIC, id }] });
const noted = async () => (await readConfigChanges(NIC, { root })).map(({ writes }) => writes[0]!.after);
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-config-"));
  card("8086:10d3");
});
afterEach(() => rmSync(root, { recursive: true }));

describe("what was written to configuration space", () => {
  it("is noted, told and forgotten, the last first", async () => {
    for (const value of [1, 2]) await noteConfigChange(NIC, [write(value)], { root });
    expect((await lastConfigChange("01:00.0", { root })).writes).toEqual([write(2)]);
    for (const left of [[1], []]) {
      await forgetConfigChange(NIC, { root });
      expect(await noted()).toEqual(left);
    }
    await expect(lastConfigChange(NIC, { root })).rejects.toMatchObject({ code: "ERR_NOT_SUPPORTED" });
  });

  it("is not that of another card that came to the address", async () => {
    await noteConfigChange(NIC, [write(1)], { root });
    card("1af4:1000");
    expect(await noted()).toEqual([]);
    await expect(lastConfigChange(NIC, { root })).rejects.toMatchObject({ code: "ERR_NOT_SUPPORTED" });
    await noteConfigChange(NIC, [write(2)], { root });
    expect(await noted()).toEqual([2]);
  });

  it("loses nothing of commands that note at once", async () => {
    const values = Array.from({ length: 8 }, (_, index) => index);
    await Promise.all(values.map((value) => noteConfigChange(NIC, [write(value)], { root })));
    expect((await noted()).sort()).toEqual(values);
  });

  it("is nothing where the file was not made here", async () => {
    const file = join(root, "run/userpci/config", `${NIC}.json`);
    mkdirSync(join(root, "run/userpci/config"), { recursive: true });
    await noteConfigChange(NIC, [write(1)], { root });
    const text = readFileSync(file, "utf8");
    for (const [part, other] of [
      ['"offset": 4', '"offset": 4095'],
      ['"width": 16', '"width": 12'],
      ['"before": 0', '"before": 65536'],
      ['"since": "', '"since": 1, "x": "'],
      ["[", ""],
    ] as const) {
      writeFileSync(file, text.replace(part, other));
      expect(await noted(), other).toEqual([]);
    }
  });
});
