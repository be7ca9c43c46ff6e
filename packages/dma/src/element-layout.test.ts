import { failing } from "@userpci/interface/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ElementLayout, layOut } from "./element-layout.ts";

/** Where element `index` begins. */
function offsetOf({ stride, perBlock, gap }: ElementLayout, index: number): number {
  return index * stride + Math.floor(index / perBlock) * gap;
}

describe("the layout of elements", () => {
  it("keeps each apart from the others, aligned, and on one side of every boundary", () => {
    const power = (most: number) => fc.integer({ min: 0, max: most }).map((bits) => 2 ** bits);
    const request = fc.record(
      {
        elementSize: fc.integer({ min: 1, max: 20_000 }),
        count: fc.integer({ min: 1, max: 300 }),
        alignment: power(14),
        boundary: fc.oneof(power(16), fc.constant(0)),
      },
      { requiredKeys: ["elementSize", "count"] },
    );
    fc.assert(
      fc.property(request, (asked) => {
        const layout = layOut(asked);
        const boundary = asked.boundary ?? 4096;
        let end = 0;
        for (let i = 0; i < asked.count; i++) {
          const start = offsetOf(layout, i);
          expect(start).toBeGreaterThanOrEqual(end);
          end = start + asked.elementSize;
          if (asked.alignment !== undefined) expect(start % asked.alignment).toBe(0);
          if (boundary === 0) continue;
          const crossed = Math.floor((end - 1) / boundary) - Math.floor(start / boundary);
          // An element that is larger crosses as few as its size allows.
          expect(crossed).toBe(Math.ceil(asked.elementSize / boundary) - 1);
        }
        expect(layout.size).toBe(end);
        for (const needed of [asked.alignment ?? 1, boundary || 1]) expect(layout.alignment % needed).toBe(0);
      }),
    );
  });

  it("leaves no room between elements that need none", () => {
    expect(layOut({ elementSize: 64, count: 256 })).toMatchObject({ stride: 64, gap: 0, size: 256 * 64 });
    expect(layOut({ elementSize: 1536, count: 4, alignment: 1, boundary: 0 }).size).toBe(4 * 1536);
    expect(layOut({ elementSize: 1536, count: 4 }).size).toBe(4096 + 2 * 1536);
    expect(layOut({ elementSize: 2 ** 32, count: 1, boundary: 2 ** 32 }).size).toBe(2 ** 32);
  });

  it("puts elements on cache lines, and smaller ones side by side", () => {
    for (const [elementSize, stride] of [
      [1, 1],
      [3, 4],
      [16, 16],
      [64, 64],
      [65, 128],
      [100, 128],
    ] as const) {
      expect(layOut({ elementSize, count: 10 }).stride).toBe(stride);
    }
  });

  it.each<[object, string, RegExp]>([
    [{ elementSize: 0, count: 1 }, "ERR_OUT_OF_RANGE", /elementSize is 0, outside 1 to/],
    [{ elementSize: 1.5, count: 1 }, "ERR_INVALID_ARGUMENT", /elementSize must be an integer, not 1.5/],
    [{ elementSize: 64, count: 0 }, "ERR_OUT_OF_RANGE", /count is 0/],
    [{ elementSize: 64, count: 2 ** 24 + 1 }, "ERR_OUT_OF_RANGE", /count is 16777217/],
    [
      { elementSize: 64, count: 1, alignment: 48 },
      "ERR_INVALID_ARGUMENT",
      /alignment is 48, not a power of two/,
    ],
    [{ elementSize: 64, count: 1, boundary: -1 }, "ERR_OUT_OF_RANGE", /boundary is -1/],
    [{ elementSize: 2 ** 20, count: 4097 }, "ERR_OUT_OF_RANGE", /4097 elements take 4296015872 bytes/],
  ])("refuses %o", (request, code, message) => {
    expect(() => layOut(request as never)).toThrow(failing(code, message));
  });
});
