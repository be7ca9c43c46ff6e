import { describe, expect, it } from "vitest";
import { decode } from "./decode.ts";
import { type Instruction, instructions } from "./opcodes.ts";
import { Trap } from "./trap.ts";
import { trapObstacle } from "./trap-build.ts";

const obstacle = trapObstacle();
if (obstacle !== undefined) console.warn(`the trap is not tested: ${obstacle}`);

describe.skipIf(obstacle !== undefined)("the trap counts every access", () => {
  const trap = obstacle === undefined ? new Trap() : undefined;
  const samples = trap?.samples ?? [];
  const met = new Set<Instruction>();

  for (const [index, { name, expected, runnable }] of samples.entries()) {
    it.skipIf(!runnable)(`${name}: ${expected}${runnable ? "" : " (this processor cannot run it)"}`, () => {
      const touches = trap!.watch(() => trap!.runSample(index));
      for (const access of touches.flatMap((touch) => decode(touch) ?? [])) met.add(access.form);
      const seen = trap!.describe(touches).map((text) => text.replace(/^(unknown instruction) .*/, "$1"));
      expect(seen.join(", ")).toBe(expected);
    });
  }

  it("and every row of its table was met, where the processor has the instruction", ({ skip }) => {
    skip(
      samples.some(({ runnable }) => !runnable),
      "this processor cannot run every sample",
    );
    expect(instructions.filter((form) => !met.has(form))).toEqual([]);
  });

  it("leaves the memory open afterwards, and records nothing of what happens there", () => {
    const words = new Uint32Array(trap!.buffer);
    words[0] = 7;
    expect(trap!.watch(() => undefined)).toEqual([]);
    expect(words[0]).toBe(7);
  });

  it("opens the memory when the work throws", () => {
    const words = new Uint32Array(trap!.buffer);
    expect(() =>
      trap!.watch(() => {
        throw new Error("work");
      }),
    ).toThrow("work");
    expect(() => words.fill(0)).not.toThrow();
  });
});
