import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesRegion } from "../bytes.ts";
import { configOf } from "../config.ts";
import { codeOf, list, recordingRegion, space } from "../testing/regions.ts";
import { applyOperation, resolveOperation } from "./apply.ts";
import { namedCapabilities, namedRegisters } from "./names.ts";
import { parseOperation } from "./operation.ts";

const bytes = () =>
  space(256, [0x04, 0x30, 0xab], ...list(0x40), [0x40, 0x09, 0x48, 8], [0x48, 0x09, 0x00, 8], [0x4c, 0x77]);

function apply(text: string, options = {}) {
  const { region, log } = recordingRegion(bytes());
  const config = configOf(region);
  const operation = parseOperation(text);
  log.length = 0;
  const steps = applyOperation(config, operation, options);
  return { steps, log: log.filter((entry) => !entry.startsWith("read") || entry.endsWith(" 0x4")) };
}

describe("an operation", () => {
  it("changes the bits of its mask with one read and one write of its width", () => {
    const { steps, log } = apply("COMMAND=2:6");
    expect(steps).toEqual([{ offset: 4, before: 0xab30, after: 0xab32 }]);
    expect(log).toEqual(["read16 0x4", "write16 0x4 0xab32"]);
  });

  it("writes all bits without reading", () => {
    expect(apply("COMMAND=7")).toEqual({ steps: [{ offset: 4, after: 7 }], log: ["write16 0x4 0x7"] });
  });

  it("writes a list of values into registers in a row", () => {
    expect(apply("10.b=1,2:3,4").steps).toEqual([
      { offset: 0x10, after: 1 },
      { offset: 0x11, before: 0, after: 2 },
      { offset: 0x12, after: 4 },
    ]);
  });

  it("writes nothing on a dry run", () => {
    const { steps, log } = apply("COMMAND=2:6", { dryRun: true });
    expect(steps).toEqual([{ offset: 4, before: 0xab30, after: 0xab32 }]);
    expect(log).toEqual(["read16 0x4"]);
  });

  it("finds one of several capabilities with the same id", () => {
    const config = configOf(bytesRegion(bytes()));
    expect(resolveOperation(config, parseOperation("CAP_VNDR+4.w@1"))).toEqual({
      offset: 0x4c,
      capability: { kind: "standard", id: 9, offset: 0x48 },
    });
    expect(codeOf(() => resolveOperation(config, parseOperation("CAP09.w@2")))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => resolveOperation(config, parseOperation("PRIMARY_BUS")))).toBe("ERR_NOT_SUPPORTED");
  });

  it("is refused with a code of ours where it lies outside the space", () => {
    expect(codeOf(() => apply("800.l"))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => apply("CAP_VNDR+fc8.l"))).toBe("ERR_OUT_OF_RANGE");
  });
});

const word = fc.oneof(
  fc.constantFrom(...namedRegisters.map(({ name }) => name), ...namedCapabilities.map(({ name }) => name)),
  fc.constantFrom("CAP", "ECAP", "CAP05", "ECAP0010", "10", "fff", "", "0x", "COMMAND"),
  fc.string({ maxLength: 6 }),
);
const texts = fc
  .array(fc.tuple(word, fc.constantFrom("", "+", ".", "@", "=", ",", ":", ".w", ".l", "+4", "=1")), {
    maxLength: 4,
  })
  .map((parts) => parts.flat().join(""));

it("any text parses, or is refused with an error of ours", () => {
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const { width, offset, instance, values } = parseOperation(text);
        expect([8, 16, 32]).toContain(width);
        expect(offset).toBeLessThan(4096);
        expect(instance).toBeGreaterThanOrEqual(0);
        for (const { value, mask } of values ?? []) expect(value & ~(mask ?? -1)).toBe(0);
      } catch (error) {
        if (!isPciError(error, "ERR_INVALID_ARGUMENT")) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

it("takes numbers with white space and a plus sign before them, as printf makes them", () => {
  expect(parseOperation(" 10.l= 5,+0x6")).toMatchObject({
    base: { offset: 0x10 },
    values: [{ value: 5 }, { value: 6 }],
  });
  expect(() => parseOperation("10.l=5 ")).toThrow('Invalid value "5 "');
  expect(() => parseOperation("10.l=-5")).toThrow('Invalid value "-5"');
});

it("names a wrong value with its mask, and refuses a number of a capability that setpci cannot count to", () => {
  expect(() => parseOperation("10.w=zz:3")).toThrow('Invalid value "zz:3"');
  expect(() => parseOperation("10.b=1ff:3")).toThrow('Value "1ff:3" is out of range');
  expect(() => parseOperation("CAP_VNDR.l@80000000")).toThrow('Invalid number "80000000"');
});
