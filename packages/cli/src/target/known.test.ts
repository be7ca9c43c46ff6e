import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { printed } from "../testing/printed.ts";

const folder = mkdtempSync(join(tmpdir(), "userpci-known-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Two BARs with tables, and one with none; the ids are those of edu, whose table the model's own replaces. */
const model = join(folder, "model.mjs");
writeFileSync(
  model,
  `import { registerBank, registerTable } from ${JSON.stringify(import.meta.resolve("@userpci/device-model"))};
const registers = registerTable("mine", {
  SIZE: { offset: 4, width: 32, access: "rw", reset: 9, doc: "Bytes" },
  LEVEL: { offset: 8, width: 16, access: "ro", reset: 3, doc: "How high", fields: { HIGH: { lo: 0, doc: "High" } } },
});
const bar = { kind: "memory32", size: 4096 };
export default {
  name: "mine",
  config: { vendorId: 0x1234, deviceId: 0x11e8, classCode: 0x120000 },
  bars: { 0: { ...bar, registers }, 2: { ...bar, registers }, 3: bar },
  create: () => {
    const bank = registerBank(registers, {});
    return { bars: { 0: bank, 2: bank, 3: bank }, reset: () => bank.reset() };
  },
};
`,
);

const userpci = (...argv: string[]) => printed(...argv);

describe("the registers of a model that is loaded", () => {
  it("are named by its own tables, in each BAR", async () => {
    for (const bar of ["0", "2"]) {
      expect(await userpci("mem", "read", "--model", model, bar, "LEVEL")).toEqual({
        status: 0,
        out: "0x0008  0x0003  LEVEL = 0x3 HIGH\n",
        notes: "",
      });
    }
    expect((await userpci("mem", "dump", "--model", model, "2", "size", "4")).out).toMatch(
      /^00000004 {2}09 00/,
    );
  });

  it("have no names in a BAR without a table", async () => {
    const { status, notes } = await userpci("mem", "read", "--model", model, "3", "SIZE");
    expect(status).toBe(2);
    expect(notes).toContain("give an offset such as 0x20\n");
  });

  it("are there at a prompt", async () => {
    const sources = ["Object.keys(registers).join()", "registers.SIZE", "registers.LEVEL"];
    const { out } = await userpci("repl", "--model", model, ...sources.flatMap((source) => ["-e", source]));
    expect(out).toBe("'SIZE,LEVEL'\nSIZE = 0x9\nLEVEL = 0x3 HIGH\n");
  });
});
