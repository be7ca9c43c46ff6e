import { failing } from "@userpci/interface/testing";
import { describe, expect, it } from "vitest";
import type { Faults } from "./kinds.ts";
import { FaultPlan } from "./plan.ts";
import { happens, randomAt, streamOf } from "./random.ts";

const plan = (faults: unknown, addresses = ["edu"]) => new FaultPlan(faults as Faults, addresses);

/** Numbers of the first accesses at which something is due. */
function dueOf(faults: FaultPlan, address = "edu", accesses = 1000): number[] {
  const own = faults.of(address);
  return Array.from({ length: accesses }, () => own.next("access")).flatMap((due) => due.map(({ at }) => at));
}

describe("a plan of faults", () => {
  it("has each fault of its script at its occasion, as many times as it says", () => {
    const faults = plan({
      script: [
        { at: { access: 3 }, fault: "request" },
        { at: { access: 5 }, fault: "spuriousInterrupt", times: 3 },
      ],
    });
    expect(dueOf(faults)).toEqual([3, 5, 6, 7]);
  });

  it("tells what happened, and what of the script did not", () => {
    const faults = plan({
      script: [
        { at: { interrupt: 2 }, fault: "lateInterrupt", us: 7, times: 2 },
        { at: { map: 9 }, fault: "noPins" },
      ],
    });
    const own = faults.of("edu");
    for (let i = 0; i < 5; i++) own.next("access");
    for (let i = 0; i < 2; i++) for (const due of own.next("interrupt")) own.happened(due, "msi 0");
    const late = { address: "edu", fault: "lateInterrupt", accesses: 5, us: 7, vector: "msi 0" };
    expect(faults.happened).toEqual([{ ...late, at: { interrupt: 2 } }]);
    expect(faults.outstanding.map(({ fault }) => fault)).toEqual(["lateInterrupt", "noPins"]);
    for (const due of own.next("interrupt")) own.happened(due, "msi 0");
    expect(faults.outstanding.map(({ fault }) => fault)).toEqual(["noPins"]);
  });

  it("has faults by chance as often as it says, at the same places for the same seed", () => {
    const rated = (seed: number, rate = 0.1) =>
      dueOf(plan({ seed, rates: { request: rate } }), "edu", 10_000);
    expect(rated(7)).toEqual(rated(7));
    expect(rated(7)).not.toEqual(rated(8));
    for (let seed = 0; seed < 10; seed++) {
      expect(rated(seed).length).toBeGreaterThan(880);
      expect(rated(seed).length).toBeLessThan(1120);
    }
    expect([rated(7, 0).length, rated(7, 1).length]).toEqual([0, 10_000]);
  });

  it("has one kind by chance at the same places whatever else it has", () => {
    const alone = dueOf(plan({ seed: 7, rates: { request: 0.05 } }));
    const others = plan({ seed: 7, rates: { request: 0.05, unplug: 0.05, allOnes: 0.5 } }).of("edu");
    const beside = Array.from({ length: 1000 }, () => others.next("access")).flatMap((due) =>
      due.filter(({ fault }) => fault === "request").map(({ at }) => at),
    );
    expect(beside).toEqual(alone);
  });

  it("counts for each function, and tells their chances apart", () => {
    const faults = plan(
      { rates: { request: 0.05 }, script: [{ at: { access: 2 }, fault: "unplug", address: "b" }] },
      ["a", "b"],
    );
    const [a, b] = [dueOf(faults, "a"), dueOf(faults, "b")];
    expect(b).toContain(2);
    expect(a).not.toEqual(b.filter((at) => at !== 2));
  });

  it("is empty without a word", () => {
    expect(dueOf(plan({}))).toEqual([]);
  });
});

describe("a plan in which something could never happen is refused:", () => {
  const invalid = "ERR_INVALID_ARGUMENT";
  const range = "ERR_OUT_OF_RANGE";
  it.each([
    ["no object", 5, invalid, /faults must be an object/],
    ["a misspelt part", { rate: {} }, invalid, /no property "rate"/],
    [
      "a misspelt part of a rate",
      { rates: { slow: { chance: 0.1 } } },
      invalid,
      /rate of slow has no property/,
    ],
    [
      "a misspelt part of the script",
      { script: [{ at: { access: 1 }, fault: "unplug", time: 1 }] },
      invalid,
      /fault of the script has no property "time"/,
    ],
    ["a seed of 33 bits", { seed: 2 ** 32 }, range, /seed/],
    ["an unknown fault", { rates: { lost: 0.1 } }, invalid, /no fault is called "lost"/],
    ["a name that every object has", { rates: { constructor: 0.1 } }, invalid, /called "constructor"/],
    ["a rate over 1", { rates: { unplug: 1.5 } }, range, /rate of unplug is 1.5/],
    ["a rate of nothing", { rates: { unplug: Number.NaN } }, range, /NaN/],
    ["a rate in words", { rates: { slow: { rate: "often" } } }, range, /"often"/],
    [
      "a time for what takes none",
      { rates: { unplug: { rate: 0.1, us: 5 } } },
      invalid,
      /unplug takes no time/,
    ],
    ["a time of 0", { rates: { slow: { rate: 0.1, us: 0 } } }, range, /0/],
    ["a script that is no list", { script: {} }, invalid, /script must be an array/],
    ["a fault without a moment", { script: [{ fault: "unplug" }] }, invalid, /when unplug happens/],
    [
      "a moment of another kind",
      { script: [{ at: { map: 1 }, fault: "unplug" }] },
      invalid,
      /certain access, not at map/,
    ],
    ["two moments", { script: [{ at: { access: 1, map: 1 }, fault: "unplug" }] }, invalid, /access, map/],
    ["the moment 0", { script: [{ at: { access: 0 }, fault: "unplug" }] }, range, /access at which unplug/],
    ["no times", { script: [{ at: { access: 1 }, fault: "unplug", times: 0 }] }, range, /times/],
    [
      "another function",
      { script: [{ at: { access: 1 }, fault: "unplug", address: "nvme" }] },
      invalid,
      /"nvme", which is no/,
    ],
  ])("%s", (_what, faults, code, message) => {
    expect(() => plan(faults)).toThrow(failing(code, message));
  });

  it("a script that does not say which of several functions", () => {
    const script = [{ at: { access: 1 }, fault: "unplug" }];
    expect(() => plan({ script }, ["a", "b"])).toThrow(failing("ERR_INVALID_ARGUMENT", /which of the 2/));
  });
});

describe("the generator of chances", () => {
  it("gives the numbers that are written down, on every engine", () => {
    const stream = streamOf(7, "edu unplug");
    expect([
      stream,
      randomAt(stream, 1),
      randomAt(stream, 2),
      randomAt(stream, 2 ** 31),
    ]).toMatchInlineSnapshot(`
      [
        2919841423,
        940049162,
        2389808693,
        2860401221,
      ]
    `);
  });

  it("spreads over all 32 bits", () => {
    const stream = streamOf(1, "x");
    const ones = new Array<number>(32).fill(0);
    for (let n = 0; n < 4096; n++) {
      const value = randomAt(stream, n);
      for (let bit = 0; bit < 32; bit++) ones[bit]! += (value >>> bit) & 1;
    }
    for (const count of ones) expect(Math.abs(count - 2048)).toBeLessThan(200);
    expect(happens(stream, 1, 0)).toBe(false);
    expect(happens(stream, 1, 1)).toBe(true);
  });
});
