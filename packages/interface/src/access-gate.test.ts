import { expect, it } from "vitest";
import { AccessGate } from "./access-gate.ts";
import { failing } from "./testing/failing.ts";

const closed = failing("ERR_CLOSED", /^0000:00:04\.0 is closed/);
const resetting = failing("ERR_RESETTING", /^0000:00:04\.0 is being reset/);

it("refuses accesses while a reset is under way, and does afterwards what was put off", () => {
  const gate = new AccessGate("0000:00:04.0");
  const done: string[] = [];
  gate.beginReset();
  expect([gate.blocked, gate.resetting]).toEqual([true, true]);
  expect(() => gate.assertUsable()).toThrow(resetting);
  expect(() => gate.beginReset()).toThrow(resetting);
  gate.afterReset(() => done.push("first"));
  gate.afterReset(() => {
    throw new Error("not possible");
  });
  gate.afterReset(() => done.push("last"));
  expect(() => gate.endReset()).toThrow("not possible");
  expect(done).toEqual(["first", "last"]);
  expect(gate.blocked).toBe(false);
  gate.assertUsable();
});

it("stays closed, also if a reset ends later, and drops what was put off", () => {
  const gate = new AccessGate("0000:00:04.0");
  const done: string[] = [];
  gate.beginReset();
  gate.afterReset(() => done.push("late"));
  gate.close();
  gate.endReset();
  expect([gate.closed, gate.blocked, gate.resetting, done]).toEqual([true, true, false, []]);
  expect(() => gate.assertUsable()).toThrow(closed);
  expect(() => gate.beginReset()).toThrow(closed);
});
