import { expect, it } from "vitest";
import { withExtended } from "../testing/extended-space.ts";

const hintsOf = (dwords: readonly number[]) =>
  withExtended("processingHints", dwords).findExtended("processingHints")!;

it("has steering tags where its table lies in it", () => {
  const hints = hintsOf([0x0002_0306, 0x0000_0101, 0x0201_0403, 0x0605]);
  expect(hints.length).toBe(0x12);
  expect(hints.control).toMatchObject({ mode: 1, enable: 1 });
  expect(hints.tags.map(({ tag }) => tag.read())).toEqual([
    { lower: 3, upper: 4 },
    { lower: 1, upper: 2 },
    { lower: 5, upper: 6 },
  ]);
});

it("has none where they lie in the MSI-X table", () => {
  const hints = hintsOf([0x0002_0504]);
  expect([hints.length, hints.tags]).toEqual([12, []]);
});
