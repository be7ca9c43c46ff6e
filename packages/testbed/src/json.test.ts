import fc from "fast-check";
import { expect, test } from "vitest";
import { fromJson, toJson } from "./json.ts";

test("bigints survive, everything else is plain JSON", () => {
  expect(fromJson(toJson([{ address: 2n ** 64n - 1n, write: false }]))).toEqual([
    { address: 0xffff_ffff_ffff_ffffn, write: false },
  ]);
  expect(fromJson(toJson(undefined))).toBeNull();
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(fromJson(toJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});
