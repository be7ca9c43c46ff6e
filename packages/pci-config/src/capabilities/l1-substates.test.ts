import { expect, it } from "vitest";
import { withExtended } from "../testing/extended-space.ts";

const dwords = [0x0028_0a1f, 0x4001_0a0f, 0x29, 1];

it("has its times with their units", () => {
  const l1 = withExtended("l1Substates", dwords).findExtended("l1Substates")!;
  expect(l1.capabilities).toMatchObject({ commonModeRestoreTime: 10, powerOnScale: 0, powerOnTime: 5 });
  expect(l1.control1).toMatchObject({ aspmL12: true, thresholdValue: 1, thresholdScale: 2 });
  expect(l1.control2).toMatchObject({ powerOnScale: 1, powerOnTime: 5 });
});

it("has a status from version 2 on", () => {
  const of = (version: number) => withExtended("l1Substates", dwords, version).findExtended("l1Substates")!;
  expect([of(1).length, of(1).status]).toEqual([16, undefined]);
  expect([of(2).length, of(2).status?.linkActivation]).toEqual([20, true]);
});
