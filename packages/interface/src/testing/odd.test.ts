import { describe, expect, it } from "vitest";
import { checkInteger } from "../check.ts";
import { PciError } from "../errors.ts";
import { changing, HostileError, oddValues, unreadable, wrongAnswers, wrongError } from "./odd.ts";

describe("wrongAnswers", () => {
  it("finds nothing wrong with what refuses all of them by a PciError", () => {
    expect(wrongAnswers({ check: (odd) => checkInteger("index", odd, 0, 9) })).toEqual([]);
  });

  it("tells what answers, what throws errors of JavaScript's own, and what gives no hint", () => {
    const calls = {
      shift: (odd: number) => odd >>> 0,
      bare: () => {
        throw new PciError("EIO", "no");
      },
    };
    expect(wrongAnswers(calls, [0.5, Symbol("s"), 1n])).toEqual([
      "shift of 0.5: answered 0",
      expect.stringMatching(/^shift of Symbol\(s\): no PciError: TypeError/),
      expect.stringMatching(/^shift of 1n: no PciError: TypeError/),
      "bare of 0.5: no hint in EIO: no",
      "bare of Symbol(s): no hint in EIO: no",
      "bare of 1n: no hint in EIO: no",
    ]);
  });
});

it("odd values are no safe integers, and an unreadable object throws the caller's own error", () => {
  expect(oddValues.filter((value) => Number.isSafeInteger(value))).toEqual([]);
  expect(() => (unreadable as { size: number }).size).toThrow(HostileError);
  expect(wrongError(new HostileError())).toBeUndefined();
});

it("a changing object shows each value once, and the last for ever", () => {
  const seen = changing("size", 1, 2) as { size: number };
  expect([seen.size, seen.size, seen.size, Object.keys(seen)]).toEqual([1, 2, 2, ["size"]]);
});
