import { describe, expect, it } from "vitest";
import type { Result } from "./bench.ts";
import { formatTable, formatTime } from "./table.ts";

const figure = (median: number) => ({ median, low: median * 0.9, high: median * 1.1 });
const result: Result = {
  name: "register write",
  place: "native",
  unit: "ns",
  typescript: figure(0.36),
  c: figure(0.27),
  reference: null,
  ratio: figure(1.33),
  limits: [{ of: "C", atMost: 2, measured: 1.33, pass: true }],
  pass: true,
};

describe("formatTime", () => {
  it.each([
    [0.2718, "0.27 ns"],
    [386.4, "386 ns"],
    [7123, "7.12 µs"],
    [22_600, "22.6 µs"],
    [1_250_000, "1.25 ms"],
  ])("writes %d as %s", (ns, text) => {
    expect(formatTime(ns)).toBe(text);
  });
});

describe("formatTable", () => {
  it("shows each row with its ratio and its limit", () => {
    expect(formatTable([result])).toMatch(
      /register write +0\.36 ns +0\.27 ns +1\.33 \(1\.20 to 1\.46\) +2 x C +ok/,
    );
  });

  it("names what stands in for a C program", () => {
    const reference = { name: "JSON.parse", ...figure(41_000) };
    expect(formatTable([{ ...result, c: null, reference }])).toMatch(
      /register write .* JSON\.parse 41\.0 µs/,
    );
  });

  it("says which rows missed their limit, and how many kept theirs", () => {
    const text = formatTable([result, { ...result, name: "slow", pass: false }]);
    expect(text).toMatch(/slow .* MISSED/);
    expect(text).toMatch(/1 of 2 limits kept$/);
  });

  it("leaves empty what was not measured", () => {
    const text = formatTable([{ ...result, c: null, ratio: null, limits: [], pass: null }]);
    expect(text).toMatch(/register write +0\.36 ns\n/);
    expect(text).toMatch(/0 of 0 limits kept$/);
  });
});
