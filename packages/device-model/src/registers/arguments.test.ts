import { describe, expect, it } from "vitest";
import { registersOf } from "./accessors.ts";
import { registerBank } from "./bank.ts";
import { decodeAccess } from "./decode.ts";
import { formatRegisters } from "./format.ts";
import { registerTable } from "./register-table.ts";

const table = registerTable("dev", {
  CONTROL: { offset: 0, width: 32, access: "rw", doc: "control" },
  BYTE: { offset: 4, width: 8, access: "rw", doc: "a byte" },
});
const refusal = (code: string) =>
  expect.objectContaining({ name: "PciError", code, hint: expect.any(String) });
const invalid = refusal("ERR_INVALID_ARGUMENT");

describe("what is no table", () => {
  it.each([undefined, null, Number.NaN, "dev", {}, [], { rows: {} }, { find: () => undefined }])(
    "%j",
    (what) => {
      const none = what as never;
      expect(() => registersOf(none, {} as never)).toThrow(invalid);
      expect(() => registerBank(none)).toThrow(invalid);
      expect(() => formatRegisters(none)).toThrow(invalid);
      expect(() => decodeAccess(none, 0, 4, 0)).toThrow(invalid);
    },
  );
});

it.each([undefined, null, "bar", {}, []])("registers are not in %j, which is no region", (region) => {
  expect(() => registersOf(table, region as never)).toThrow(invalid);
});

it.each([null, "CONTROL", []])("a bank has neither the handlers nor the options %j", (what) => {
  expect(() => registerBank(table, what as never)).toThrow(invalid);
  expect(() => registerBank(table, {}, what as never)).toThrow(invalid);
});

it.each([
  [{}, { narow: 0 }, /bank of dev has no option "narow"/],
  [{ CONTROL: { wrte: () => undefined } }, {}, /handler of dev.CONTROL has no method "wrte"/],
  [{ BYTE: () => 0 }, {}, /handler of dev.BYTE must be an object/],
])("a bank refuses what is misspelt: %o, %o", (handlers, options, message) => {
  const named = expect.objectContaining({
    code: "ERR_INVALID_ARGUMENT",
    message: expect.stringMatching(message),
  });
  expect(() => registerBank(table, handlers as never, options as never)).toThrow(named);
});

it("a bank takes handlers of an author's own class", () => {
  class Own {
    read(value: number): number {
      return value + 1;
    }
    helper(): void {}
  }
  expect(registerBank(table, { CONTROL: new Own(), BYTE: undefined } as never).read(0, 4)).toBe(1);
});

describe("an access that no bus makes, where no register is, ends at once", () => {
  const bank = registerBank(table);

  it.each([undefined, Number.NaN, 0.5, 8, 64, 2 ** 53, "4"])("of %s bytes", (width) => {
    expect(() => bank.read(8, width as never)).toThrow(invalid);
    expect(() => bank.write(8, width as never, 1)).toThrow(invalid);
  });

  it.each([
    [undefined, invalid] as const,
    [-1, refusal("ERR_OUT_OF_RANGE")] as const,
    [2 ** 53, invalid] as const,
  ])("at %s", (offset, why) => {
    expect(() => decodeAccess(table, offset as never, 4, 0)).toThrow(why);
  });

  it.each([undefined, null, Number.NaN, 1.5, "0x1", {}])("is not decoded with the value %s", (value) => {
    expect(() => decodeAccess(table, 0, 4, value as never)).toThrow(invalid);
    expect(() => decodeAccess(table, 0, value as never, 0)).toThrow(invalid);
  });
});
