import { afterEach, expect, it, vi } from "vitest";
import { ROUNDS_VARIABLE, rounds } from "./rounds.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

it("takes the number of rounds from the environment", () => {
  vi.stubEnv(ROUNDS_VARIABLE, "7");
  expect(rounds()).toBe(7);
});

it.each(["", "many", "0", "-1", "1.5", "NaN", "Infinity"])(
  "does not take %o for a number of rounds: a soak of none would pass",
  (given) => {
    vi.stubEnv(ROUNDS_VARIABLE, given);
    expect(rounds).toThrow(`${ROUNDS_VARIABLE} is "${given}", not a whole number of rounds above 0`);
  },
);
