import { afterAll, describe, it } from "vitest";
import { extendedGenerators } from "./extended/generators.ts";
import { eachBit, expectEqual, generate } from "./generated.ts";
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
});
