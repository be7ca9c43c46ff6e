import { afterAll, describe, expect, it } from "vitest";
import { Reference } from "./reference.ts";
import { dumpOf, patch, withCapability } from "./space.ts";

const reference = await Reference.open();
afterAll(() => reference?.[Symbol.dispose]());

/** A function of a class with each programming interface. */
const interfacesOf = (code: number) =>
  dumpOf(
    Array.from({ length: 256 }, (_, number) =>
      patch(withCapability(0x01, 64), [0x09, 1, number], [0x0a, 2, code]),
    ),
  );

const classes = [0x0101, 0x0106, 0x0300, 0x0604, 0x0800, 0x0c03, 0x1200, 0xff00].map(
  (code) => [code.toString(16).padStart(4, "0"), interfacesOf(code)] as const,
);
const names = [[], ["-i", "/dev/null"]];

describe.skipIf(reference === undefined)("on every programming interface", () => {
  it.each(classes)("of class %s", (_code, dump) => {
    const file = reference!.dump(dump);
    for (const from of names) {
      const args = [...from, "-v", ...file];
      expect(reference!.ours(args).text).toBe(reference!.real(args).text);
    }
  });
});
