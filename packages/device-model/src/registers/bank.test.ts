import { failing } from "@userpci/interface/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import { registerBank } from "./bank.ts";
import { registerTable } from "./register-table.ts";

const table = registerTable("dev", {
  ID: { offset: 0, width: 32, access: "ro", reset: 0x010000ed, doc: "identification" },
  CONTROL: { offset: 4, width: 32, access: "rw", reset: 7, doc: "control" },
  CAUSE: { offset: 8, width: 32, access: "rw1c", doc: "causes" },
  MASK_SET: { offset: 0xc, width: 32, access: "rw1s", doc: "sets" },
  COUNT: { offset: 0x10, width: 32, access: "rc", doc: "cleared by reading" },
  MIXED: {
    offset: 0x14,
    width: 32,
    access: "ro",
    reset: 0x8000_0001,
    doc: "each bit its own way",
    fields: {
      READY: { lo: 0, doc: "ro as the register" },
      ENABLE: { lo: 1, access: "rw", doc: "rw" },
      EVENT: { lo: 2, access: "rw1c", doc: "rw1c" },
      START: { lo: 3, access: "wo", doc: "wo" },
      SEEN: { lo: 31, access: "rc", doc: "rc" },
    },
  },
  ADDRESS: { offset: 0x18, width: 64, access: "rw", reset: 0x1_0000_0002n, doc: "64 bits" },
  LOW_BYTE: { offset: 0x20, width: 8, access: "rw", reset: 0x12, doc: "a byte" },
  HIGH_HALF: { offset: 0x22, width: 16, access: "rw", reset: 0x3456, doc: "a half" },
  BELL: { offset: 0x40, width: 32, access: "wo", count: 3, stride: 8, doc: "doorbells" },
});

describe("registerBank applies the kinds of access", () => {
  it("begins with the reset values, and goes back to them", () => {
    const bank = registerBank(table);
    expect(bank.read(0, 4)).toBe(0x010000ed);
    bank.write(4, 4, 0xffff_ffff);
    bank.set("ID", 5);
    bank.reset();
    expect([bank.get("ID"), bank.get("CONTROL")]).toEqual([0x010000ed, 7]);
  });

  it.each([
    ["ro keeps", 0, "ID", 0x12, 0xff, 0x12],
    ["rw takes", 4, "CONTROL", 0x12, 0xffff_fff0, 0xffff_fff0],
    ["rw1c loses the ones", 8, "CAUSE", 0xf1, 0x81, 0x70],
    ["rw1s gains the ones", 0xc, "MASK_SET", 0x11, 0x82, 0x93],
    ["rc keeps what is written", 0x10, "COUNT", 0x11, 0xff, 0x11],
    ["wo takes", 0x40, "BELL", 0x11, 0x8000_0000, 0x8000_0000],
    ["fields have their own", 0x14, "MIXED", 0x8000_0005, 0xffff_ffff, 0x8000_000b],
  ] as const)("%s", (_what, offset, name, before, written, after) => {
    const bank = registerBank(table);
    bank.set(name, before);
    bank.write(offset, 4, written);
    expect(bank.get(name)).toBe(after);
  });

  it("clears by reading, answers 0 for what is write-only", () => {
    const bank = registerBank(table);
    bank.set("COUNT", 5);
    expect([bank.read(0x10, 4), bank.read(0x10, 4)]).toEqual([5, 0]);
    bank.set("MIXED", 0x8000_000f);
    expect([bank.read(0x14, 4), bank.read(0x14, 4)]).toEqual([0x8000_0007, 0x0000_0007]);
    bank.write(0x48, 4, 9);
    expect([bank.read(0x48, 4), bank.get("BELL", 1)]).toEqual([0, 9]);
  });
});

describe("registerBank answers accesses of other widths", () => {
  it("64 bits by one access or two", () => {
    const bank = registerBank(table);
    expect(bank.read64(0x18)).toBe(0x1_0000_0002n);
    bank.write(0x18, 4, 0x9abc_def0);
    bank.write(0x1c, 4, 0x1234_5678);
    expect(bank.get("ADDRESS")).toBe(0x1234_5678_9abc_def0n);
    bank.write64(0x18, 0xfedc_ba98_7654_3210n);
    expect([bank.read(0x18, 4), bank.read(0x1c, 4)]).toEqual([0x7654_3210, 0xfedc_ba98]);
    expect(bank.read64(0)).toBe(0x7_0100_00edn);
    bank.write64(0, 0x55_0000_0000n);
    expect(bank.get("CONTROL")).toBe(0x55);
  });

  it("narrower ones touch their bytes alone", () => {
    const bank = registerBank(table);
    bank.write(6, 2, 0xabcd);
    bank.write(5, 1, 0xef);
    expect(bank.get("CONTROL")).toBe(0xabcd_ef07);
    expect([bank.read(6, 2), bank.read(7, 1)]).toEqual([0xabcd, 0xab]);
    bank.set("CAUSE", 0x0101_0101);
    bank.write(0xa, 1, 0xff);
    expect(bank.get("CAUSE")).toBe(0x0100_0101);
    bank.set("COUNT", 0x1111_1111);
    expect(bank.read(0x12, 2)).toBe(0x1111);
    expect(bank.get("COUNT")).toBe(0x1111);
    bank.write(0x1f, 1, 0x80);
    expect([bank.get("ADDRESS"), bank.read(0x1e, 2)]).toEqual([0x8000_0001_0000_0002n, 0x8000]);
  });

  it("narrower ones find nobody, where it is said so", () => {
    const bank = registerBank(table, {}, { narrow: 0x1ff });
    bank.write(4, 2, 0x55);
    expect([bank.read(4, 2), bank.read(4, 1), bank.read(4, 4)]).toEqual([0x1ff, 0xff, 7]);
    bank.write(0x1c, 4, 3);
    expect(bank.read(0x1c, 4)).toBe(3);
    expect(bank.read(0x20, 1)).toBe(0x12);
  });

  it("wider ones reach every register that is there", () => {
    const bank = registerBank(table, {}, { unclaimed: 0xffff_ffff });
    expect(bank.read(0x20, 4)).toBe(0x3456_ff12);
    bank.write(0x20, 4, 0x789a_bcde);
    expect([bank.get("LOW_BYTE"), bank.get("HIGH_HALF")]).toEqual([0xde, 0x789a]);
  });

  it("where no register is, reads answer 0 or what is said, and writes do nothing", () => {
    const bank = registerBank(table);
    bank.write(0x100, 4, 5);
    expect([bank.read(0x100, 4), bank.read64(0x100)]).toEqual([0, 0n]);
    const ones = registerBank(table, {}, { unclaimed: -1 });
    expect([ones.read(0x100, 1), ones.read(0x100, 2), ones.read(0x100, 4)]).toEqual([
      0xff, 0xffff, 0xffff_ffff,
    ]);
    expect(ones.read64(0x100)).toBe(2n ** 64n - 1n);
    expect(ones.read(0x40, 4)).toBe(0xffff_ffff);
  });
});

describe("handlers", () => {
  it("change what is read, and are told what is held after a write and before", () => {
    const told: unknown[] = [];
    const bank = registerBank(table, {
      CONTROL: { read: (value) => ~value },
      CAUSE: { write: (value, former) => told.push(["CAUSE", value, former]) },
      BELL: { write: (value, former, index) => told.push(["BELL", value, former, index]) },
      ADDRESS: {
        read: (value) => -value,
        write: (value, former) => {
          expectTypeOf(value).toEqualTypeOf<bigint>();
          told.push(["ADDRESS", value, former]);
        },
      },
    });
    expect([bank.read(4, 4), bank.read(4, 1)]).toEqual([0xffff_fff8, 0xf8]);
    bank.set("CAUSE", 7);
    bank.write(8, 4, 2);
    bank.write(0x50, 4, 4);
    bank.write(0x18, 4, 3);
    bank.write64(0x18, 5n);
    expect(bank.read64(0x18)).toBe(2n ** 64n - 5n);
    expect(bank.read(0x1c, 4)).toBe(0xffff_ffff);
    expect(told).toEqual([
      ["CAUSE", 5, 7],
      ["BELL", 4, 0, 2],
      ["ADDRESS", 0x1_0000_0003n, 0x1_0000_0002n],
      ["ADDRESS", 5n, 0x1_0000_0003n],
    ]);
  });

  it("may set registers themselves, and are not called by get, set, reset and load", () => {
    let calls = 0;
    const count = { read: (value: number) => ++calls && value, write: () => ++calls };
    const bank = registerBank(table, { CONTROL: count, ID: count });
    bank.set("CONTROL", bank.get("CONTROL") + 1);
    bank.load(bank.save());
    bank.reset();
    bank.write(0, 4, 1);
    expect(calls).toBe(0);
    const clearing = registerBank(table, { BELL: { write: (_v, _f, i) => clearing.set("BELL", 0, i) } });
    clearing.write(0x40, 4, 5);
    expect(clearing.get("BELL")).toBe(0);
  });

  it("of no register are refused", () => {
    expect(() => registerBank(table, { CONTRL: {} } as never)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /dev has no register CONTRL/, /CONTROL/),
    );
  });
});

describe("a bank's values", () => {
  it("are named, typed, and cut to the register", () => {
    const bank = registerBank(table);
    expectTypeOf(bank.get("ADDRESS")).toEqualTypeOf<bigint>();
    expectTypeOf(bank.get("ID")).toEqualTypeOf<number>();
    bank.set("LOW_BYTE", -1);
    bank.set("ADDRESS", -1n);
    expect([bank.get("LOW_BYTE"), bank.get("ADDRESS")]).toEqual([0xff, 2n ** 64n - 1n]);
    expect(() => bank.get("BELL", 3)).toThrow(
      failing("ERR_OUT_OF_RANGE", /index of BELL is 3, outside 0 to 2/),
    );
    expect(() => bank.set("ADDRESS", 5 as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
    expect(() => bank.set("ID", 5n as never)).toThrow(failing("ERR_INVALID_ARGUMENT"));
  });

  it("have fields, which a model changes as it likes", () => {
    const bank = registerBank(table);
    bank.update("MIXED", { READY: 0, EVENT: true, SEEN: 0 });
    expect(bank.get("MIXED")).toBe(4);
    expect([bank.field("MIXED", "EVENT"), bank.field("MIXED", "READY")]).toEqual([1, 0]);
    expectTypeOf(bank.field<"MIXED">)
      .parameter(1)
      .toEqualTypeOf<"READY" | "ENABLE" | "EVENT" | "START" | "SEEN">();
    expect(() => bank.update("MIXED", { READY: 2 })).toThrow(
      failing("ERR_OUT_OF_RANGE", /dev\.MIXED\.READY is 2, outside 0 to 1/),
    );
  });

  it("are saved and loaded, by the same table only", () => {
    const bank = registerBank(table);
    bank.write64(0x18, 0x1234_5678_9abc_def0n);
    bank.write(0x48, 4, 77);
    const state = bank.save();
    const other = registerBank(table);
    other.load(state);
    expect([other.get("ADDRESS"), other.get("BELL", 1)]).toEqual([0x1234_5678_9abc_def0n, 77]);
    const renamed = registerTable("dev", { ...table.rows, ID: { ...table.rows.ID, offset: 0x80 } });
    expect(() => registerBank(renamed).load(state)).toThrow(failing("ERR_PROTOCOL", /of another table/));
    for (const size of [0, 3, state.length - 1, state.length + 1]) {
      expect(() => other.load(new Uint8Array(size))).toThrow(failing("ERR_PROTOCOL", /bytes, not/));
    }
    const tooMuch = registerBank(registerTable("byte", { B: { ...table.rows.LOW_BYTE } }));
    const bytes = tooMuch.save();
    bytes[5] = 1;
    expect(() => tooMuch.load(bytes)).toThrow(failing("ERR_PROTOCOL", /bits that no register has/));
    expect(other.get("BELL", 1)).toBe(77);
  });
});
