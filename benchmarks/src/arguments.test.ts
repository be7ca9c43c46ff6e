import { describe, expect, it } from "vitest";
import { parseArguments } from "./arguments.ts";

describe("parseArguments", () => {
  it("measures everything, for people, by default", () => {
    expect(parseArguments([])).toEqual({ json: false, vm: true, filter: "", rounds: 11, help: false });
  });

  it("takes each option", () => {
    const args = ["--json", "--no-vm", "--filter", "register write", "--rounds", "3"];
    expect(parseArguments(args)).toMatchObject({
      json: true,
      vm: false,
      filter: "register write",
      rounds: 3,
    });
  });

  it.each([["--rounds", "0"], ["--rounds", "many"], ["--vw"], ["stray"]])("refuses %s", (...args) => {
    expect(() => parseArguments(args)).toThrow();
  });
});
