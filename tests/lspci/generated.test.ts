import { afterAll, describe, it } from "vitest";
import { generators } from "./generate.ts";
import { eachBit, eachEnd, expectEqual, generate } from "./generated.ts";
import { Reference } from "./reference.ts";
import { asBridge, FIRST, patch, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

const commands = [["-vvv", "-n"], ["-v", "-nn"], ["-vvb"], ["-mm"]];
const ids = [0x01, 0x02, 0x04, 0x05, 0x07, 0x08, 0x0a, 0x0d, 0x10, 0x11, 0x12, 0x13];

describe.skipIf(reference === undefined)("on generated configuration spaces", () => {
  it.each(Object.entries(generators))("%s", (_name, make) => {
    expectEqual(reference!, generate(make, 250), commands);
  });

  it("prints every bit of every capability on its own", () => {
    const spaces = ids.flatMap((id) => {
      const empty = withCapability(id);
      if (id === 0x10) empty[FIRST + 2] = 0x42;
      return eachBit(empty, FIRST + 2, 0x3a);
    });
    expectEqual(reference!, spaces, [["-vvv", "-n"]]);
  });

  it("prints every capability that was cut off, by its last byte", () => {
    const spaces = Array.from({ length: 0x16 }, (_, id) => {
      const whole = patch(withCapability(id).fill(4, FIRST + 4), [FIRST + 2, 2, 0x0142]);
      return [whole, asBridge(whole.slice())].flatMap((bytes) => eachEnd(bytes, FIRST + 1, 0x40));
    });
    expectEqual(reference!, spaces.flat(), [["-vvv", "-n"]]);
  });
});
