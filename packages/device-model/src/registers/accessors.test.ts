import type { Region } from "@userpci/interface";
import { failing } from "@userpci/interface/testing";
import { describe, expect, expectTypeOf, it } from "vitest";
import type { ReadableRegister, ReadWriteRegister, WritableRegister } from "./accessor-types.ts";
import { registersOf } from "./accessors.ts";
import { registerTable } from "./register-table.ts";

const table = registerTable("dev", {
  ID: { offset: 0, width: 32, access: "ro", doc: "identification" },
  CONTROL: {
    offset: 4,
    width: 32,
    access: "rw",
    doc: "control",
    fields: {
      ENABLE: { lo: 0, doc: "a flag" },
      SIZE: { lo: 4, hi: 7, doc: "a number" },
      EVENT: { lo: 30, access: "rw1c", doc: "an event" },
      TOP: { lo: 31, doc: "the sign bit" },
    },
  },
  CAP: {
    offset: 8,
    width: 64,
    access: "rw",
    doc: "64 bits",
    fields: { LIMIT: { lo: 0, hi: 15, doc: "low" }, HIGH: { lo: 60, hi: 63, doc: "high" } },
  },
  BYTE: { offset: 16, width: 8, access: "rw", doc: "a byte" },
  HALF: {
    offset: 18,
    width: 16,
    access: "rw",
    doc: "a half",
    fields: { ALL: { lo: 0, hi: 15, doc: "all" } },
  },
  BELL: {
    offset: 0x20,
    width: 32,
    access: "wo",
    count: 4,
    stride: 8,
    doc: "bells",
    fields: { GO: { lo: 0, doc: "go" }, QUEUE: { lo: 1, hi: 3, doc: "queue" } },
  },
  STATUS: {
    offset: 0x48,
    width: 32,
    access: "ro",
    doc: "ro but for a field",
    fields: { DONE: { lo: 0, access: "rw1c", doc: "done" }, LEVEL: { lo: 8, hi: 15, doc: "level" } },
  },
});

/** A region of plain memory that notes each access. */
function memory(size = 0x60): { region: Region; accesses: string[]; view: DataView } {
  const view = new DataView(new ArrayBuffer(size));
  const accesses: string[] = [];
  const note = <T>(what: string, result: T): T => {
    accesses.push(what);
    return result;
  };
  const region: Region = {
    size,
    read8: (at) => note(`r8 ${at}`, view.getUint8(at)),
    read16: (at) => note(`r16 ${at}`, view.getUint16(at, true)),
    read32: (at) => note(`r32 ${at}`, view.getUint32(at, true)),
    read64: (at) => note(`r64 ${at}`, view.getBigUint64(at, true)),
    write8: (at, value) => note(`w8 ${at}`, view.setUint8(at, value)),
    write16: (at, value) => note(`w16 ${at}`, view.setUint16(at, value, true)),
    write32: (at, value) => note(`w32 ${at}`, view.setUint32(at, value, true)),
    write64: (at, value) => note(`w64 ${at}`, view.setBigUint64(at, value, true)),
  };
  return { region, accesses, view };
}

describe("registersOf", () => {
  it("makes one access of the register's width for each call", () => {
    const { region, accesses } = memory();
    const regs = registersOf(table, region);
    regs.ID.read();
    regs.BYTE.write(5);
    regs.HALF.write(0x1234);
    regs.CAP.write(0x1234_5678_9abc_def0n);
    regs.BELL.at(3).write(9);
    expect([regs.BYTE.read(), regs.HALF.read(), regs.CAP.read()]).toEqual([
      5,
      0x1234,
      0x1234_5678_9abc_def0n,
    ]);
    regs.HALF.update({ ALL: 3 });
    expect(accesses.join()).toBe("r32 0,w8 16,w16 18,w64 8,w32 56,r8 16,r16 18,r64 8,r16 18,w16 18");
    expect(regs.BELL.length).toBe(4);
    expect(regs.BELL.at(1).offset).toBe(0x28);
    expect(regs.BELL.at(1)).toBe(regs.BELL.at(1));
  });

  it("takes fields out and puts them in", () => {
    const { region, view } = memory();
    const regs = registersOf(table, region);
    view.setUint32(4, 0xc000_0051, true);
    expect(regs.CONTROL.get("SIZE")).toBe(5);
    expect(regs.CONTROL.get("TOP")).toBe(1);
    regs.CONTROL.update({ SIZE: 0xf, ENABLE: false });
    expect(view.getUint32(4, true)).toBe(0x8000_00f0);
    regs.CONTROL.update({ EVENT: 1 });
    expect(view.getUint32(4, true)).toBe(0xc000_00f0);
    regs.CONTROL.set({ TOP: true });
    expect(view.getUint32(4, true)).toBe(0x8000_0000);
    regs.CAP.set({ HIGH: 0xan, LIMIT: 7n });
    expect([regs.CAP.read(), regs.CAP.get("HIGH")]).toEqual([0xa000_0000_0000_0007n, 0xan]);
    regs.CAP.update({ LIMIT: 0n });
    expect(regs.CAP.read()).toBe(0xa000_0000_0000_0000n);
    regs.BELL.at(2).set({ GO: 1, QUEUE: 5 });
    expect(view.getUint32(0x30, true)).toBe(0xb);
  });

  it("acknowledges nothing that is not named", () => {
    const { region, view } = memory();
    view.setUint32(0x48, 0x301, true);
    registersOf(table, region).STATUS.update({ LEVEL: 3 });
    expect(view.getUint32(0x48, true)).toBe(0x300);
  });

  it("refuses values that do not fit, and what there is not", () => {
    const regs = registersOf(table, memory().region);
    for (const value of [16, -1, 0.5, Number.NaN, 1n as never]) {
      expect(() => regs.CONTROL.set({ SIZE: value })).toThrow(
        failing("ERR_OUT_OF_RANGE", /the value of dev\.CONTROL\.SIZE is .*, outside 0 to 15/),
      );
    }
    expect(() => regs.CAP.set({ LIMIT: 0x10000n })).toThrow(failing("ERR_OUT_OF_RANGE"));
    expect(() => regs.CAP.set({ LIMIT: 1 as never })).toThrow(failing("ERR_OUT_OF_RANGE", /./, /bigint/));
    expect(() => regs.CONTROL.get("SIZ" as "SIZE")).toThrow(failing("ERR_INVALID_ARGUMENT", /no field SIZ/));
    expect(() => regs.BELL.at(4)).toThrow(failing("ERR_OUT_OF_RANGE", /index of dev\.BELL is 4/));
    expect(() => registersOf(table, memory(0x48).region)).toThrow(
      failing("ERR_OUT_OF_RANGE", /dev\.STATUS in the region is 76/),
    );
    const bar = { index: 0, size: 4096, map: memory };
    expect(() => registersOf(table, bar as never)).toThrow(
      failing("ERR_INVALID_ARGUMENT", /region has no read32/, /device\.bar\(0\)\.map\(\).*\.region\(\)/),
    );
  });

  it("is typed by the table", () => {
    const regs = registersOf(table, memory().region);
    type Rows = (typeof table)["rows"];
    expectTypeOf(regs.ID).toEqualTypeOf<ReadableRegister<Rows["ID"]>>();
    expectTypeOf(regs.CONTROL).toEqualTypeOf<ReadWriteRegister<Rows["CONTROL"]>>();
    expectTypeOf(regs.STATUS).toEqualTypeOf<ReadWriteRegister<Rows["STATUS"]>>();
    expectTypeOf(regs.BELL.at(0)).toEqualTypeOf<WritableRegister<Rows["BELL"]>>();
    expectTypeOf(regs.CAP.read()).toEqualTypeOf<bigint>();
    expectTypeOf(regs.CAP.get("LIMIT")).toEqualTypeOf<bigint>();
    expectTypeOf(regs.CONTROL.get).parameter(0).toEqualTypeOf<"ENABLE" | "SIZE" | "EVENT" | "TOP">();
    expectTypeOf(regs.ID.get).parameter(0).toEqualTypeOf<never>();
    expectTypeOf(regs.CONTROL.update).parameter(0).toEqualTypeOf<{
      readonly ENABLE?: number | boolean;
      readonly SIZE?: number | boolean;
      readonly EVENT?: number | boolean;
      readonly TOP?: number | boolean;
    }>();
    // @ts-expect-error there is no such register
    expect(regs.NOTHING).toBeUndefined();
    // @ts-expect-error a read-only register is not written
    expectTypeOf(regs.ID.write).toBeFunction();
    // @ts-expect-error a write-only register is not read
    expectTypeOf(regs.BELL.at(0).read).toBeFunction();
  });
});
