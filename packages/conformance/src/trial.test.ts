import { featureMissing, PciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import type { Difference } from "./differences.ts";
import { differences } from "./differences.ts";
import type { Subject } from "./subject.ts";
import { conformance } from "./suite.ts";
import { ConformanceError, Trial } from "./trial.ts";

const subject = { backend: "mine" } as Subject;
const row: Difference = { backend: "mine", what: "colour", outcome: "red", reason: "it is" };
const refuse = (code: string, hint?: string) => () => {
  throw new PciError(code, "no", hint === undefined ? {} : { hint });
};

describe("Trial", () => {
  it("passes what every backend gives, and fails everything else", () => {
    const trial = new Trial(subject, []);
    trial.observe("colour", "blue", "blue");
    trial.expect("open", refuse("ENOSYS", "do"), "ENOSYS");
    expect(() => trial.observe("colour", "red", "blue")).toThrow(
      "colour: red, where every backend gives blue",
    );
    expect(() => trial.expect("open", () => 1, "ENOSYS")).toThrow(
      "open: ok, where every backend gives ENOSYS",
    );
    expect(trial.counts).toEqual({ observations: 4, differences: 0, refused: 0 });
  });

  it("accepts a listed difference of this backend only, and counts it", () => {
    const trial = new Trial(subject, [row, { ...row, backend: "other", what: "shape" }]);
    expect(trial.unmet).toEqual([row]);
    trial.observe("colour", "red", "blue");
    expect(trial.unmet).toEqual([]);
    expect(trial.counts.differences).toBe(1);
    expect(() => trial.observe("shape", "red", "blue")).toThrow(ConformanceError);
  });

  it("excuses a listed difference that the subject has nothing to meet it with", () => {
    const needy = { ...row, needs: "unplug" } as const;
    const excused = (unplug: Subject["unplug"]) =>
      new Trial({ ...subject, ...(unplug && { unplug }) }, [needy]).unmet.length === 0;
    expect(excused(undefined)).toBe(true);
    expect(excused("only root takes a function away")).toBe(true);
    expect(excused({ remove: async () => undefined, restore: async () => undefined })).toBe(false);
  });

  it("reports once what is left out in several tests", () => {
    const trial = new Trial(subject, []);
    trial.leaveOut("DMA", "no copier");
    trial.leaveOut("DMA", "no copier");
    expect(trial.leftOut).toEqual(["DMA (no copier)"]);
  });

  it("fails when a listed difference has changed or vanished", () => {
    expect(() => new Trial(subject, [row]).observe("colour", "green", "blue")).toThrow("says red");
    expect(() => new Trial(subject, [row]).observe("colour", "red", "red")).toThrow("take it off the list");
    expect(() => new Trial(subject, [row]).observe("colour", "blue", "blue")).toThrow(ConformanceError);
  });

  it("fails an error that is not ours, or says nothing of what to do", async () => {
    const trial = new Trial(subject, []);
    const plain = () => {
      throw new Error("EBUSY");
    };
    expect(() => trial.expect("open", plain, "EBUSY")).toThrow("no PciError");
    await expect(trial.expectAsync("open", async () => plain(), "EBUSY")).rejects.toThrow("no PciError");
    expect(() => trial.expect("open", refuse("E_NEW", ""), "E_NEW")).toThrow("has no hint");
  });

  it("counts an absent feature that is refused with what would bring it, and fails anything else", () => {
    const trial = new Trial(subject, []);
    const lacks = () => {
      throw featureMissing("pasid", "0000:01:00.0");
    };
    trial.expectAbsent("pasid", "attachPasid", lacks);
    trial.expectAbsent("pasid", "detachPasid", lacks);
    expect(trial.counts.refused).toBe(1);
    expect(() => trial.expectAbsent("pasid", "attachPasid", () => 1)).toThrow("attachPasid: ok");
    const vague = refuse("ERR_NOT_SUPPORTED", "buy another one");
    expect(() => trial.expectAbsent("pasid", "attachPasid", vague)).toThrow("Linux 6.15");
    expect(trial.counts.refused).toBe(1);
  });

  it("tries both forms of a call under two names", async () => {
    const trial = new Trial(subject, []);
    await trial.expectBoth(
      "map",
      async () => 1,
      () => 1,
      "ok",
    );
    const sync = trial.expectBoth("map", async () => 1, refuse("E_NEW", "do"), "ok");
    await expect(sync).rejects.toThrow("map, sync: E_NEW");
  });
});

it("the last test of the suite fails when a listed difference was not met, and reports the counts", async () => {
  const lines: string[] = [];
  const tests = conformance(subject, { differences: [row], report: (line) => lines.push(line) });
  await expect(tests.at(-1)!.run()).rejects.toThrow("no test has met: colour");
  expect(lines.at(-1)).toBe(
    `mine: ${tests.length - 1} tests, 0 observations, 0 listed differences met, 0 absent features refused`,
  );
});

it("a subject without a pair need not meet what wants two functions", () => {
  const trial = new Trial({ backend: "vfio-cdev" } as Subject, differences);
  expect(trial.unmet.map(({ what }) => what)).toEqual(["the IOMMU counts mappings"]);
});

it("tests have names of their own", () => {
  const names = conformance(subject).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it("a difference is listed once, with a reason", () => {
  const keys = differences.map(({ backend, what }) => `${backend}: ${what}`);
  expect(new Set(keys).size).toBe(keys.length);
  for (const { reason } of differences) expect(reason.length).toBeGreaterThan(20);
});
