import { describe, expect, it } from "vitest";
import { expectLines, expectSchema } from "./schema.ts";

const release = {
  schema: "userpci:unbind/1",
  address: "0000:00:04.0",
  driver: null,
  changed: true,
  boundAtBoot: null,
};

describe("expectSchema", () => {
  it("gives back what a command printed, as text or parsed", () => {
    expect(expectSchema("unbind", release)).toBe(release);
    expect(expectSchema("unbind", JSON.stringify(release))).toEqual(release);
  });

  it.each([
    ["a property too many", { ...release, more: 1 }, "more"],
    ["one too few", { ...release, changed: undefined }, "changed"],
    ["another type", { ...release, driver: 4 }, "/driver must be string,null"],
    ["a text of another form", { ...release, address: "00:04.0" }, "/address must match pattern"],
    ["another schema", { ...release, schema: "userpci:bind/1" }, "/schema must be equal to constant"],
  ])("tells of %s", (_what, json, problem) => {
    expect(() => expectSchema("unbind", JSON.stringify(json))).toThrow(problem);
  });

  it("looks into parts that several commands print", () => {
    const error = { code: "ERR_BUSY", message: "taken", causes: [] };
    expectSchema("error", { schema: "userpci:error/1", error });
    expect(() =>
      expectSchema("error", { schema: "userpci:error/1", error: { ...error, causes: [1] } }),
    ).toThrow("/error/causes/0 must be string");
  });
});

describe("expectLines", () => {
  it("takes each line for itself", () => {
    const line = JSON.stringify(release);
    expect(expectLines("unbind", `${line}\n${line}\n`)).toHaveLength(2);
    expect(() => expectLines("unbind", `${line}\n{}\n`)).toThrow("schema");
  });
});
