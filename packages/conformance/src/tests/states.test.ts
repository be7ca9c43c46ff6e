import type { BackendDevice } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import type { Subject } from "../subject.ts";
import { Trial } from "../trial.ts";
import { methodsOf } from "./states.ts";

const trialWith = (intx: number) =>
  new Trial({ backend: "mine", main: { bar: 2, vectors: { intx } } } as unknown as Subject, []);
const features = { list: () => [] };
const devices = {
  plain: {} as BackendDevice,
  featured: { features } as unknown as BackendDevice,
};
const masking = /^(un)?maskIrqs\(intx\)|^setUnmaskTarget/;

describe("methodsOf", () => {
  it.each([
    [1, "ERR_NOT_SUPPORTED", "ok"],
    [0, "ERR_IRQ_COUNT", null],
  ])(
    "with %i vectors of INTx, masking it gives %s, and unmasking during a reset %s",
    (intx, outcome, resetting) => {
      const rows = methodsOf(trialWith(intx), devices.featured).filter(({ what }) => masking.test(what));
      expect(rows.map(({ open }) => open)).toEqual([outcome, outcome, outcome]);
      expect(rows.map((row) => row.resetting)).toEqual([undefined, resetting, undefined]);
    },
  );

  it("leaves out, and reports, the features of a backend that has none", () => {
    const trial = trialWith(1);
    const names = (device: BackendDevice) => methodsOf(trial, device).map(({ what }) => what);
    expect(names(devices.featured)).toContain("features.list()");
    expect(trial.leftOut).toEqual([]);
    expect(names(devices.plain)).not.toContain("features.list()");
    expect(trial.leftOut).toEqual(["features.list() (the backend's devices have no features)"]);
  });

  it("maps the BAR that the subject names", () => {
    const mapped: number[] = [];
    const mapRegion = (index: number) => ({ close: () => mapped.push(index) });
    const row = methodsOf(trialWith(1), devices.plain).find(({ what }) => what === "mapRegion of a BAR");
    row!.call({ mapRegion } as unknown as BackendDevice);
    expect(mapped).toEqual([2]);
  });
});
