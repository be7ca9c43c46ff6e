import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  checkAligned,
  checkChoice,
  checkInteger,
  checkMethods,
  checkNames,
  checkPowerOfTwo,
  checkType,
  formatValue,
} from "./check.ts";
import { failing } from "./testing/failing.ts";

describe("formatValue", () => {
  it.each([
    [5, "5"],
    [5n, "5n"],
    ["5", '"5"'],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "Symbol(s)"],
    [[1], "an array"],
    [{}, "an object"],
    [() => 1, "a function"],
  ])("shows %s so that its type is seen", (value, text) => {
    expect(formatValue(value)).toBe(text);
  });
});

describe("checkType", () => {
  it("lets its type through", () => {
    checkType("label", "", "string");
    checkType("on", false, "boolean");
    checkType("iova", 0n, "bigint");
    checkType("options", {}, "object");
  });

  it.each([
    [null, "object", /options must be an object, not null/],
    [[], "object", /not an array/],
    [5, "string", /must be a string, not 5/],
    [undefined, "boolean", /must be a boolean, not undefined/],
    [5, "bigint", /must be a bigint, not 5/],
  ] as const)("refuses %s for %s", (value, type, message) => {
    expect(() => checkType("options", value, type)).toThrow(failing("ERR_INVALID_ARGUMENT", message));
  });
});

it("a check may say what to pass", () => {
  const advised = failing("ERR_INVALID_ARGUMENT", /./, /^pass the other one$/);
  expect(() => checkType("device", 5, "object", "pass the other one")).toThrow(advised);
  for (const value of [5, {}]) {
    expect(() => checkMethods("device", value as { open(): void }, ["open"], "pass the other one")).toThrow(
      advised,
    );
  }
});

it("checkChoice lets one of the choices through, and undefined", () => {
  checkChoice("mode", "fast", ["fast", "slow"]);
  checkChoice("mode", undefined, ["fast"]);
  const refused = failing("ERR_INVALID_ARGUMENT", /mode is "Fast"/, /^one of "fast", "slow"$/);
  expect(() => checkChoice("mode", "Fast", ["fast", "slow"])).toThrow(refused);
});

describe("checkNames", () => {
  it("lets known names through, and others that have no value", () => {
    checkNames<object>("open", {}, { on: true });
    checkNames<object>("open", { on: false, off: undefined }, { on: true });
  });

  it("knows a literal of another realm, such as a prompt's, for one", () => {
    const given = runInNewContext("({ of: true })") as object;
    expect(() => checkNames("open", given, { on: true })).toThrow(failing("ERR_INVALID_ARGUMENT", /"of"/));
    const list = runInNewContext("[1, 2]") as object;
    expect(() => checkNames("open", list, { 0: true })).toThrow(failing("ERR_INVALID_ARGUMENT", /"1"/));
  });

  it("lets what is of a class have fields of its own", () => {
    class Model {
      readonly create = true;
      readonly made = 0;
    }
    checkNames<object>("the model", new Model(), { create: true });
  });

  it.each(["off", "constructor", "__proto__"])("refuses %s, and says which there are", (name) => {
    const given: object = Object.fromEntries([[name, 1]]);
    const refused = failing("ERR_INVALID_ARGUMENT", /open has no option "/, /^it has on, label$/);
    expect(() => checkNames("open", given, { on: true, label: "" })).toThrow(refused);
  });
});

describe("checkMethods", () => {
  it("lets what has the methods through, its own or inherited", () => {
    checkMethods("backend", { open() {}, close() {} }, ["open", "close"]);
    checkMethods("list", new Map(), ["get"]);
  });

  it.each([
    [undefined, /backend must be an object, not undefined/],
    [{ open: true, close() {} }, /^backend has no open\(\)$/],
    [{ open() {} }, /^backend has no close\(\)$/],
  ])("refuses %s", (value, message) => {
    expect(() => checkMethods("backend", value as never, ["open", "close"])).toThrow(
      failing("ERR_INVALID_ARGUMENT", message),
    );
  });
});

describe.each([
  ["checkInteger", (value: number) => checkInteger("size", value, 0, 8)],
  ["checkAligned", (value: number) => checkAligned("size", value, 4)],
  ["checkPowerOfTwo", (value: number) => checkPowerOfTwo("size", value)],
])("%s", (_name, check) => {
  it.each([undefined, null, Number.NaN, 0.5, Infinity, 4n, "4", {}, [], Symbol("4")])(
    "refuses %s",
    (value) => {
      expect(() => check(value as number)).toThrow(
        failing("ERR_INVALID_ARGUMENT", /size must be an integer, not /),
      );
    },
  );

  it("answers with the value", () => {
    expect(check(8)).toBe(8);
  });
});

it("a value outside, or between two multiples, is named with those that would do", () => {
  expect(() => checkInteger("size", 9, 0, 8)).toThrow(
    failing("ERR_OUT_OF_RANGE", /size is 9, outside 0 to 8/),
  );
  expect(() => checkAligned("size", 6, 4)).toThrow(
    failing("ERR_MISALIGNED", /size is 0x6, not a multiple of 4/),
  );
});

describe("checkPowerOfTwo", () => {
  it("takes each power from 1 to the greatest, and nothing between two of them", () => {
    for (let power = 0; power <= 63; power++) {
      expect(checkPowerOfTwo("alignment", 2 ** power)).toBe(2 ** power);
      if (power < 2 || power > 52) continue;
      expect(() => checkPowerOfTwo("alignment", 2 ** power - 1)).toThrow(
        failing("ERR_INVALID_ARGUMENT", /alignment is \d+, not a power of two/),
      );
    }
    expect(() => checkPowerOfTwo("alignment", 48)).toThrow(expect.objectContaining({ hint: "use 32 or 64" }));
  });

  it.each([0, -1, -4096, -(2 ** 31), 2 ** 33, 2 ** 64])("says that %s is outside", (value) => {
    expect(() => checkPowerOfTwo("alignment", value, 2 ** 32)).toThrow(
      failing("ERR_OUT_OF_RANGE", /alignment is -?\d+, outside 1 to 2\^32/),
    );
  });
});
