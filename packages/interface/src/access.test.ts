import { describe, expect, it } from "vitest";
import { accessError, valueError } from "./access.ts";

describe("accessError", () => {
  it.each([
    [0, 1],
    [0, 8],
    [0x18, 8],
    [0x1f, 1],
    [0x1c, 4],
  ])("lets an access at 0x%s of %i bytes through", (offset, width) => {
    expect(accessError("BAR 0", 0x20, offset, width)).toBeUndefined();
  });

  it.each<[string, unknown, number, string, RegExp, RegExp]>([
    ["past the end", 0x20, 4, "ERR_OUT_OF_RANGE", /4 bytes at offset 0x20 .* BAR 0, .* 0x20 bytes/, /0x1c$/],
    ["across the end", 0x1e, 4, "ERR_OUT_OF_RANGE", /0x1e/, /0x1c$/],
    ["before the start", -4, 4, "ERR_OUT_OF_RANGE", /offset -0x4 /, /0x1c$/],
    ["misaligned", 0x12, 8, "ERR_MISALIGNED", /0x12 .* multiple of 8/, /64-bit/],
    ["a fraction", 1.5, 1, "ERR_INVALID_ARGUMENT", /not 1.5/, /whole number/],
    ["not exact", 2 ** 53, 1, "ERR_INVALID_ARGUMENT", /9007199254740992/, /whole number/],
    ["nothing", undefined, 4, "ERR_INVALID_ARGUMENT", /not undefined/, /whole number/],
    ["a bigint", 4n, 4, "ERR_INVALID_ARGUMENT", /not 4n/, /whole number/],
    ["a string", "4", 4, "ERR_INVALID_ARGUMENT", /not "4"/, /whole number/],
    ["an object", {}, 4, "ERR_INVALID_ARGUMENT", /not an object/, /whole number/],
    ["a symbol", Symbol("x"), 4, "ERR_INVALID_ARGUMENT", /not Symbol\(x\)/, /whole number/],
  ])("explains an offset that is %s", (_what, offset, width, code, message, hint) => {
    const error = accessError("BAR 0", 0x20, offset as number, width)!;
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error.hint).toMatch(hint);
  });

  it("names no last access where not one fits", () => {
    expect(accessError("the file", 6, 0, 8)!.hint).toBe("it has no 64-bit registers");
    expect(accessError("the file", 6, 4, 4)!.hint).toMatch(/at 0x0$/);
  });
});

describe("valueError", () => {
  it("lets every number and, of 64 bits, every bigint through", () => {
    for (const value of [0, -1, 2 ** 40, 0.5]) expect(valueError("BAR 0", 0, 4, value)).toBeUndefined();
    expect(valueError("BAR 0", 0, 8, -1n)).toBeUndefined();
  });

  it.each<[number, unknown, RegExp, RegExp]>([
    [8, 5, /write64 at offset 0x10 of BAR 0 takes a bigint, not 5$/, /BigInt\(/],
    [4, 5n, /write32 at offset 0x10 of BAR 0 takes a number, not 5n$/, /Number\(/],
    [2, undefined, /write16 .* not undefined$/, /number/],
    [1, "1", /write8 .* not "1"$/, /number/],
    [4, null, /not null$/, /number/],
    [4, [1], /not an array$/, /number/],
  ])("explains a write of %i bytes of %s", (width, value, message, hint) => {
    const error = valueError("BAR 0", 0x10, width, value as number)!;
    expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", message: expect.stringMatching(message) });
    expect(error.hint).toMatch(hint);
  });
});
