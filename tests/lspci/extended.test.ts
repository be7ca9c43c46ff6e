import { afterAll, describe, expect, it } from "vitest";
import { Tally } from "./compare.ts";
import { extendedGenerators } from "./extended/generators.ts";
import { compareSpaces, generate } from "./generated.ts";
import { Reference } from "./reference.ts";
import { EXTENDED, withExtended } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const commands = [["-vvv", "-n"], ["-v", "-n"], ["-vvnnb"]];

describe.skipIf(reference === undefined)("on generated extended capabilities", () => {
  it.each(Object.keys(extendedGenerators))("%s", (name) => {
    const spaces = generate(extendedGenerators[name]!, 20101123, 200);
    const tally = new Tally();
    for (const args of commands) {
      const died = compareSpaces(reference!, spaces, args, tally);
      expect(died, `${name}: lspci itself dies too often`).toBeLessThan(10);
    }
    expect(tally.different.size, tally.report()).toBe(0);
    expect(tally.lines).toBeGreaterThan(200 * commands.length);
  });

  it("prints every bit of every capability on its own", () => {
    const tally = new Tally();
    for (let id = 0; id < 0x38; id++) {
      const spaces = Array.from({ length: 0x40 * 8 }, (_, bit) => {
        const bytes = withExtended(id, 1, 0x200);
        bytes[EXTENDED + 4 + (bit >> 3)]! ^= 1 << (bit & 7);
        return bytes;
      });
      compareSpaces(reference!, spaces, ["-vvv", "-n"], tally);
    }
    expect(tally.different.size, tally.report()).toBe(0);
  });
});
