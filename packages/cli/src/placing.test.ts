import { describe, expect, it } from "vitest";
import { placeWords } from "./placing.ts";

const target = { usage: "<address>", about: "", replacedBy: ["model"] };
const bar = { usage: "<bar>", about: "" };
const count = { usage: "[count]", about: "" };
const values = { usage: "<value...>", about: "" };

describe("placeWords", () => {
  it("gives each argument its word, and a list all that follow", () => {
    expect(placeWords([target, bar, count], ["00:04.0", "0", undefined], {})).toEqual([
      "00:04.0",
      "0",
      undefined,
    ]);
    expect(placeWords([target, values], ["00:04.0", ["1", "2"]], {})).toEqual(["00:04.0", ["1", "2"]]);
  });

  it("moves words up where an option stands in an argument's place", () => {
    const options = { model: "edu" };
    expect(placeWords([target, bar, count], ["0", "4", undefined], options)).toEqual([undefined, "0", "4"]);
    expect(placeWords([target, values], ["1", ["2", "3"]], options)).toEqual([undefined, ["1", "2", "3"]]);
  });

  it.each([
    [[target, bar], ["00:04.0"], {}, "missing required argument 'bar'"],
    [[target, values], ["00:04.0", []], {}, "missing required argument 'value...'"],
    [[target, bar], ["0", "4"], { model: "edu" }, "too many arguments: 4"],
    [[target, bar], ["00:04.0", "0"], { model: "edu" }, "00:04.0 and --model name two devices"],
    [
      [target, values],
      ["0000:00:04.0", ["1"]],
      { model: "edu" },
      "0000:00:04.0 and --model name two devices",
    ],
    [[{ ...bar, unless: "undo" }], [undefined], {}, "missing required argument 'bar'"],
  ])("tells what is wrong", (specs, given, options, problem) => {
    expect(placeWords(specs, given, options)).toBe(problem);
  });

  it("lets an argument be left out with the option that allows it, and takes an empty word for one", () => {
    expect(placeWords([{ ...bar, unless: "undo" }], [undefined], { undo: true })).toEqual([undefined]);
    expect(placeWords([target], [""], {})).toEqual([""]);
  });
});
