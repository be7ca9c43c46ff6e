import { describe, expect, it } from "vitest";
import { linux } from "./linux.ts";
import type { PermissionRule, Profile, StructureRules } from "./rule.ts";
import { vfio2010 } from "./vfio2010.ts";

/** Combinations of traits that a structure can have. */
const combinations = [[], ["address64"], ["masking32"], ["address64", "masking64"], ["virtualFunction"]].map(
  (names) => new Set(names),
);

const structuresOf = (profile: Profile): readonly StructureRules[] => [
  profile.header,
  ...Object.values(profile.standard),
  ...Object.values(profile.extended),
];

const active = (rules: readonly PermissionRule[], traits: ReadonlySet<string>) =>
  rules.filter(({ when, unless }) => (!when || traits.has(when)) && !(unless && traits.has(unless)));

describe.each([linux, vfio2010])("the tables of profile $name", (profile) => {
  it("have one rule at most for each bit", () => {
    for (const { name, rules } of structuresOf(profile)) {
      for (const traits of combinations) {
        const seen = new Map<number, number>();
        for (const { offset, width, bits } of active(rules, traits)) {
          for (let byte = 0; byte < width / 8; byte++) {
            const mask = (bits >>> (8 * byte)) & 0xff;
            const before = seen.get(offset + byte) ?? 0;
            expect(before & mask, `${name} byte ${offset + byte} with ${[...traits]}`).toBe(0);
            seen.set(offset + byte, before | mask);
          }
        }
      }
    }
  });

  it("give every row a reason, bits that its register has, and an aligned offset", () => {
    for (const { rules, others } of structuresOf(profile)) {
      expect(others.reason.length).toBeGreaterThan(10);
      for (const { offset, width, bits, reason } of rules) {
        expect(reason.length).toBeGreaterThan(10);
        expect(offset % (width / 8)).toBe(0);
        expect(bits).toBeGreaterThan(0);
        expect(bits).toBeLessThan(2 ** width);
      }
    }
  });
});

/** Virtual and writable masks by dword, as row R8 writes them. */
function masks({ rules }: StructureRules, traits: readonly string[]): Record<string, string> {
  const byDword = new Map<number, [number, number]>();
  for (const { offset, bits, virtual, writable } of active(rules, new Set(traits))) {
    const dword = offset & ~3;
    const mask = (bits << (8 * (offset & 3))) >>> 0;
    const [v, w] = byDword.get(dword) ?? [0, 0];
    byDword.set(dword, [(v | (virtual ? mask : 0)) >>> 0, (w | (writable ? mask : 0)) >>> 0]);
  }
  const entries = [...byDword].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    entries.map(([dword, [v, w]]) => [
      dword.toString(16).padStart(2, "0"),
      `${v.toString(16)}/${w.toString(16)}`,
    ]),
  );
}

describe("profile vfio2010", () => {
  it("has the masks of the proposal's tables", () => {
    const { header, standard } = vfio2010;
    const all = "ffffffff/ffffffff";
    expect(masks(header, [])).toEqual({
      "00": "ffffffff/0",
      "04": "0/fffffffc",
      "0c": "0/ff00ffff",
      ...Object.fromEntries(["10", "14", "18", "1c", "20", "24", "30"].map((bar) => [bar, all])),
      "3c": "ff/ff",
    });
    expect(masks(standard[1]!, [])).toEqual({ "04": "0/ffffffff" });
    expect(masks(standard[3]!, [])).toEqual({ "00": "0/ffff0000", "04": "0/ffffffff" });
    expect(masks(standard[5]!, [])).toEqual({ "04": all, "08": "ffff/ffff" });
    expect(masks(standard[5]!, ["masking32"])).toEqual({ "04": all, "08": "ffff/ffff", "0c": "0/ffffffff" });
    expect(masks(standard[5]!, ["address64", "masking64"])).toEqual({
      "04": all,
      "08": all,
      "0c": "ffff/ffff",
      "10": "0/ffffffff",
    });
    expect(masks(standard[7]!, [])).toEqual({ "00": "0/ffff0000", "08": "0/ffffffff" });
    expect(masks(standard[16]!, [])).toEqual({ "08": "0/ffffffff", "10": "0/ff", "18": "0/ffffff" });
    expect(masks(standard[17]!, [])).toEqual({});
    expect(masks(standard[19]!, [])).toEqual({ "04": "0/1" });
  });
});
