import { expect, it } from "vitest";
import { describe } from "../describe.ts";
import { withExtended } from "../testing/extended-space.ts";

const EGRESS = 0x20;

it("has as many dwords of egress control as the vector has bits", () => {
  const vector = (bits: number) =>
    withExtended("accessControl", [(bits << 8) | EGRESS, 0xa5, 0x5a]).findExtended("accessControl")!
      .egressVector;
  expect(vector(1).map(({ bits }) => bits)).toEqual([0xa5]);
  expect(vector(33).map(({ bits }) => bits)).toEqual([0xa5, 0x5a]);
  // 0 stands for 256.
  expect(vector(0)).toHaveLength(8);
});

it("has none without egress control", () => {
  const acs = withExtended("accessControl", [(32 << 8) | 0x0001_0001, 0xa5]).findExtended("accessControl")!;
  expect([acs.length, acs.egressVector]).toEqual([8, []]);
  expect([acs.capabilities.sourceValidation, acs.control.sourceValidation]).toEqual([true, true]);
});

it("has the dwords in a list of its description", () => {
  const [acs] = describe(withExtended("accessControl", [(64 << 8) | EGRESS, 7, 9])).extendedCapabilities;
  expect(acs!.lists.egressVector![1]!.bits).toMatchObject({ offset: 0x10c, raw: 9 });
});
