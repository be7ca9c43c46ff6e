import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import { recorder } from "../../testing/models.ts";
import { mover } from "../../testing/mover.ts";
import { emulated } from "../emulated.ts";

describe("a script of what can never happen is refused:", () => {
  const silent = { ...recorder([]), name: "silent" };

  it.each([
    [
      { at: { interrupt: 1 }, fault: "lostInterrupt" },
      /lostInterrupt can never happen: silent has no interrupts/,
    ],
    [{ at: { interrupt: 1 }, fault: "lateInterrupt" }, /silent has no interrupts/],
    [{ at: { access: 1 }, fault: "spuriousInterrupt" }, /silent has no interrupts/],
    [{ at: { reset: 1 }, fault: "resetFails" }, /resetFails can never happen: silent has no reset/],
  ] as const)("%o", (fault, message) => {
    const refusal = failing("ERR_INVALID_ARGUMENT", message);
    expect(() => emulated(silent, { script: [fault] })).toThrow(refusal);
    const both = { "0000:01:00.0": silent, "0000:02:00.0": mover() };
    const ofTheSecond = { ...fault, address: "0000:02:00.0" };
    emulated(both, { script: [ofTheSecond] }).closeSync();
  });

  it("but not what may happen", () => {
    const script = [
      { at: { reset: 1 }, fault: "resetFails" },
      { at: { access: 1 }, fault: "unplug" },
    ] as const;
    emulated({ ...silent, busReset: true }, { script }).closeSync();
    emulated(silent, { rates: { lostInterrupt: 0.5 } }).closeSync();
  });
});
