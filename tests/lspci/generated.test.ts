import { afterAll, describe, expect, it } from "vitest";
import { Tally } from "./compare.ts";
import { generators } from "./generate.ts";
import { compareSpaces, generate } from "./generated.ts";
import { Reference } from "./reference.ts";
import { FIRST, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const commands = [["-vvv", "-n"], ["-v", "-nn"], ["-vvb"], ["-mm"]];

describe.skipIf(reference === undefined)("on generated configuration spaces", () => {
  it.each(Object.keys(generators))("%s", (name) => {
    const spaces = generate(generators[name]!, 20101123, 250);
    const tally = new Tally();
    for (const args of commands) {
      const died = compareSpaces(reference!, spaces, args, tally);
      expect(died, `${name}: lspci itself dies too often`).toBeLessThan(10);
    }
    expect(tally.different.size, tally.report()).toBe(0);
    expect(tally.lines).toBeGreaterThan(250 * commands.length);
  });

  it("prints every bit of every capability on its own", () => {
    const tally = new Tally();
    for (const id of [0x01, 0x02, 0x04, 0x05, 0x07, 0x08, 0x0a, 0x0d, 0x10, 0x11, 0x12, 0x13]) {
      const spaces = Array.from({ length: 0x3a * 8 }, (_, bit) => {
        const bytes = withCapability(id);
        if (id === 0x10) bytes[FIRST + 2] = 0x42;
        bytes[FIRST + 2 + (bit >> 3)]! ^= 1 << (bit & 7);
        return bytes;
      });
      compareSpaces(reference!, spaces, ["-vvv", "-n"], tally);
    }
    expect(tally.different.size, tally.report()).toBe(0);
  });
});
