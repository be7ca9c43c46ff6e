import { describe, expect, it } from "vitest";
import { summarize } from "./statistics.ts";

describe("summarize", () => {
  it("gives median and quartiles, whatever the order", () => {
    expect(summarize([5, 1, 4, 2, 3])).toEqual({ median: 3, low: 2, high: 4 });
  });

  it("takes the middle between two neighbours", () => {
    expect(summarize([1, 2])).toEqual({ median: 1.5, low: 1.25, high: 1.75 });
  });

  it("is not moved by a round that was disturbed", () => {
    expect(summarize([10, 10, 10, 10, 5000]).median).toBe(10);
  });

  it("gives a single round as it is", () => {
    expect(summarize([7])).toEqual({ median: 7, low: 7, high: 7 });
  });
});
