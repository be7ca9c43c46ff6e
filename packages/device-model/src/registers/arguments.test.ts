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
