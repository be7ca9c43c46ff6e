import { describe, expect, it } from "vitest";
import { decodeAccess } from "./decode.ts";
import { formatRegisters } from "./format.ts";
import { registerTable } from "./register-table.ts";

const table = registerTable("dev", {
  CAP: {
    offset: 8,
    width: 64,
    access: "ro",
    reset: 0x20n,
    doc: "What it can | cannot",
    fields: { STRIDE: { lo: 32, hi: 35, doc: "Bytes between bells" } },
  },
  STATUS: {
    offset: 0,
    width: 32,
    access: "rw",
    doc: "State",
    effect: "Writing 0 stops it.",
    fields: {
      INTERRUPT: { lo: 7, doc: "Interrupts when done" },
      COMPUTING: { lo: 0, access: "ro", doc: "Busy" },
      SPEED: { lo: 1, hi: 2, doc: "Speed.", words: { 0: "slow", 1: "fast" } },
    },
  },
  BELL: { offset: 0x10, width: 32, access: "wo", count: 2, stride: 8, doc: "Bells" },
});

describe("decodeAccess", () => {
  it.each([
    [0, 4, 0x81, "STATUS = 0x81 INTERRUPT COMPUTING"],
    [0, 4, 0x02, "STATUS = 0x2 SPEED=fast"],
    [0, 4, 0x06, "STATUS = 0x6 SPEED=3"],
    [0, 4, 0, "STATUS = 0x0"],
    [0, 1, 0x80, "STATUS = 0x80 INTERRUPT"],
    [1, 1, 0x80, "STATUS+1 = 0x80"],
    [8, 8, 0xc_0000_0020n, "CAP = 0xc00000020 STRIDE=0xc"],
    [0xc, 4, 4, "CAP+4 = 0x4 STRIDE=4"],
    [0x18, 4, 5, "BELL[1] = 0x5"],
    [0x9c, 4, -1, "0x9c = 0xffffffff"],
    [0x10, 8, 0x1_0000_0002n, "BELL[0] = 0x2, 0x14 = 0x1"],
    [0, 8, 0x80n, "STATUS = 0x80 INTERRUPT, 0x4 = 0x0"],
  ] as const)("at 0x%x, %i bytes, %s: %s", (offset, width, value, text) => {
    expect(decodeAccess(table, offset, width, value)).toBe(text);
  });
});

it("formatRegisters prints a table of Markdown, by offset", () => {
  expect(formatRegisters(table)).toBe(
    [
      "| Offset | Register | Bits | Access | Reset | What it is |",
      "| --- | --- | --- | --- | --- | --- |",
      "| 0x0 | `STATUS` | 32 | rw | 0x0 | State. Writing 0 stops it. |",
      "|  | `.COMPUTING` | 0 | ro |  | Busy |",
      "|  | `.SPEED` | 2:1 | rw |  | Speed. 0: slow, 1: fast |",
      "|  | `.INTERRUPT` | 7 | rw |  | Interrupts when done |",
      "| 0x8 | `CAP` | 64 | ro | 0x20 | What it can \\| cannot |",
      "|  | `.STRIDE` | 35:32 | ro |  | Bytes between bells |",
      "| 0x10 + 0x8 i | `BELL[2]` | 32 | wo | 0x0 | Bells |",
      "",
    ].join("\n"),
  );
});
