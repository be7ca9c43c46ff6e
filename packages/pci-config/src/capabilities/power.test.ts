import { expect, it } from "vitest";
import { describe } from "../describe.ts";
import { withExtended } from "../testing/extended-space.ts";

it("names what a row of the power budget is about", () => {
  const [budget] = describe(withExtended("powerBudgeting", [3, 0x0003_8119, 1])).extendedCapabilities;
  expect(budget!.registers["data"]).toMatchObject({
    fields: { basePower: 0x19, scale: 1, powerState: 0, operation: 7, rail: 0 },
    words: { scale: "0.1", powerState: "D0", operation: "maximum", rail: "12 V" },
  });
  expect(budget!.registers["capabilities"]).toMatchObject({ raw: 1, fields: { systemAllocated: true } });
});

it("has a power for each substate", () => {
  const substates = withExtended("dynamicPower", [0x0a05_1102, 0, 0x0001_0102, 0x0003_0709]);
  const power = substates.findExtended("dynamicPower")!;
  expect(power.length).toBe(0x13);
  expect(power.capabilities).toMatchObject({ lastSubstate: 2, latency0: 5, latency1: 10 });
  expect([power.status.substate, power.status.controlEnabled, power.control.substate]).toEqual([2, true, 1]);
  expect(power.allocations.map((row) => row.power)).toEqual([9, 7, 3]);
});
