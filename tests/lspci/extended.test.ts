import { afterAll, describe, it } from "vitest";
import { extendedGenerators } from "./extended/generators.ts";
import { eachBit, eachEnd, expectEqual, generate } from "./generated.ts";
import { Reference } from "./reference.ts";
import { EXTENDED, withExtended } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const commands = [["-vvv", "-n"], ["-v", "-n"], ["-vvnnb"]];
const ids = Array.from({ length: 0x38 }, (_, id) => id);

describe.skipIf(reference === undefined)("on generated extended capabilities", () => {
  it.each(Object.entries(extendedGenerators))("%s", (_name, make) => {
    expectEqual(reference!, generate(make, 200), commands);
  });

  it("prints every bit of every capability on its own", () => {
    const spaces = ids.flatMap((id) => eachBit(withExtended(id, 1, 0x200), EXTENDED + 4, 0x40));
    expectEqual(reference!, spaces, [["-vvv", "-n"]]);
  });

  it("prints every capability that was cut off, by its last byte", () => {
    const spaces = ids.flatMap((id) => {
      const whole = withExtended(id, 1, 0x200);
      for (let at = EXTENDED + 4; at < whole.length; at += 3) whole[at] = 1;
      return eachEnd(whole, EXTENDED + 1, 0x60);
    });
    expectEqual(reference!, spaces, [["-vvv", "-n"]]);
  });
});
