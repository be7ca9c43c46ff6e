import { failing } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { registerTable } from "./register-table.ts";
import type { AnyRegisterTable, RegisterRow } from "./table.ts";

const row = (offset: number, more: Partial<RegisterRow> = {}): RegisterRow => ({
  offset,
  width: 32,
  access: "rw",
  doc: "a register",
  ...more,
});

describe("registerTable", () => {
  it("keeps the names and the rows in its type", () => {
    const table = registerTable("t", {
      ID: { offset: 0, width: 32, access: "ro", reset: 5, doc: "id" },
      BELLS: { offset: 8, width: 64, access: "wo", count: 2, doc: "bells" },
    });
    expectTypeOf(table.rows.ID.width).toEqualTypeOf<32>();
    expectTypeOf(table.rows.BELLS.count).toEqualTypeOf<2>();
    expectTypeOf(table).toExtend<AnyRegisterTable>();
    expect(table.rows.BELLS.doc).toBe("bells");
  });

  it("is frozen, and does not follow its rows", () => {
    const rows = { ID: { ...row(0), fields: { LOW: { lo: 0, doc: "low", words: { 0: "off" } } } } };
    const table = registerTable("t", rows);
    rows.ID.fields.LOW.lo = 5;
    expect(table.rows.ID.fields.LOW.lo).toBe(0);
    for (const part of [table, table.rows, table.rows.ID, table.rows.ID.fields, table.rows.ID.fields.LOW]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    expect(Object.isFrozen(table.rows.ID.fields.LOW.words)).toBe(true);
  });

  it("finds a register by any of its bytes, and arrays that are interleaved", () => {
    const table = registerTable("t", {
      CAP: row(0, { width: 64 }),
      BYTE: row(8, { width: 8 }),
      TAIL: row(0x1000, { count: 3, stride: 8 }),
      HEAD: row(0x1004, { count: 3, stride: 8 }),
    });
    const at = (offset: number): unknown => {
      const found = table.find(offset);
      return found && [found.name, found.index, found.byte];
    };
    expect(at(7)).toEqual(["CAP", 0, 7]);
    expect(at(8)).toEqual(["BYTE", 0, 0]);
    expect(at(9)).toBeUndefined();
    expect(at(0x1011)).toEqual(["TAIL", 2, 1]);
    expect(at(0x1017)).toEqual(["HEAD", 2, 3]);
    expect(at(0x1018)).toBeUndefined();
    expect(at(-1)).toBeUndefined();
    expect(at(0.5)).toBeUndefined();
  });

  it("finds each byte of any table, and nothing else", () => {
    const arbitrary = fc.array(
      fc.record({
        gap: fc.integer({ min: 0, max: 2 }),
        width: fc.constantFrom(8, 16, 32, 64),
        count: fc.integer({ min: 1, max: 4 }),
        space: fc.integer({ min: 0, max: 2 }),
      }),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(arbitrary, (shapes) => {
        const rows: Record<string, RegisterRow> = {};
        const owner: (string | undefined)[] = [];
        for (const { gap, width, count, space } of shapes) {
          const bytes = width / 8;
          const stride = bytes * (1 + space);
          const offset = Math.ceil(owner.length / bytes + gap) * bytes;
          const name = `R${Object.keys(rows).length}`;
          rows[name] = row(offset, { width: width as 8, count, stride });
          for (let i = 0; i < count; i++) {
            for (let byte = 0; byte < bytes; byte++)
              owner[offset + i * stride + byte] = `${name}.${i}.${byte}`;
          }
        }
        const table = registerTable("t", rows);
        for (let offset = 0; offset < owner.length + 8; offset++) {
          const found = table.find(offset);
          expect(found && `${found.name}.${found.index}.${found.byte}`).toBe(owner[offset]);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe("a table is refused", () => {
  const field = (lo: number, hi?: number, more: object = {}): object => ({ lo, hi, doc: "x", ...more });
  it.each([
    ["ERR_INVALID_ARGUMENT", { A: row(0), B: row(0) }, /A and B of t overlap at 0x0/],
    ["ERR_INVALID_ARGUMENT", { A: row(0, { width: 64 }), B: row(4) }, /overlap at 0x4/],
    ["ERR_INVALID_ARGUMENT", { A: row(0, { count: 3 }), B: row(8) }, /overlap at 0x8/],
    ["ERR_MISALIGNED", { A: row(2) }, /offset of t\.A is 0x2, not a multiple of 4/],
    ["ERR_MISALIGNED", { A: row(0, { count: 2, stride: 6 }) }, /stride/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { count: 2, stride: 2 }) }, /stride/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { count: 0 }) }, /count/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { count: 65536 }), B: row(0x100000) }, /65537, outside/],
    ["ERR_OUT_OF_RANGE", { A: row(2 ** 32 - 8, { count: 3 }) }, /the last t\.A/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { reset: 2 ** 32 }) }, /which 32 bits do not hold/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { width: 64, reset: 1n << 64n }) }, /which 64 bits do not hold/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { reset: -1 }) }, /-1, outside/],
    ["ERR_INVALID_ARGUMENT", { A: row(0, { width: 24 as 32 }) }, /width of t\.A is 24/],
    ["ERR_INVALID_ARGUMENT", { A: row(0, { access: "rwx" as "rw" }) }, /access of t\.A is "rwx"/],
    ["ERR_INVALID_ARGUMENT", { "A B": row(0) }, /"A B" is no name/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { fields: { F: field(32) } as never }) }, /lowest bit of t\.A\.F/],
    ["ERR_OUT_OF_RANGE", { A: row(0, { fields: { F: field(4, 3) } as never }) }, /highest bit/],
    [
      "ERR_INVALID_ARGUMENT",
      { A: row(0, { fields: { F: field(0, 4), G: field(4) } as never }) },
      /share bit 4/,
    ],
    [
      "ERR_OUT_OF_RANGE",
      { A: row(0, { fields: { F: field(0, 1, { words: { 4: "x" } }) } as never }) },
      /a word/,
    ],
    ["ERR_INVALID_ARGUMENT", { A: 5 as never }, /t\.A must be an object/],
  ])("%s: %o", (code, rows, message) => {
    expect(() => registerTable("t", rows)).toThrow(failing(code, message, /./));
  });
});
