import { isPciError } from "@userpci/interface";
import { expect, it } from "vitest";
import type { ModelInstance } from "../model.ts";
import { hosted } from "../testing/hosting.ts";
import { recorder } from "../testing/models.ts";

const reset = () => undefined;

it.each([
  ["nothing", undefined, /create\(\) of recorder returns must be an object, not undefined/],
  ["what has no reset", {}, /has no reset\(\)/],
  ["a handler that cannot read", { bars: { 1: { write: reset } }, reset }, /BAR 1 of .* has no read\(\)/],
  ["a handler that is no object", { bars: { 1: 5 }, reset }, /BAR 1 of .* must be an object, not 5/],
])("tells the author of a model whose create() returns %s", (_what, made, message) => {
  const model = { ...recorder([]), create: () => made as unknown as ModelInstance };
  let thrown: unknown;
  try {
    hosted(model);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toSatisfy((error) => isPciError(error, "ERR_INVALID_ARGUMENT"));
  expect(thrown).toMatchObject({
    message: expect.stringMatching(message),
    hint: expect.stringContaining("return"),
  });
});

it.each([
  ["no BARs but null", null],
  ["a BAR that is text", { 0: "4096" }],
  ["memory that is no list", { 0: { kind: "memory32", size: 4096, memory: { offset: 0, size: 4096 } } }],
  ["memory that is a number", { 0: { kind: "memory32", size: 4096, memory: 4096 } }],
  ["an area that is text", { 0: { kind: "memory32", size: 4096, memory: ["all"] } }],
  ["an area without a place", { 0: { kind: "memory32", size: 4096, memory: [{ size: 4096 }] } }],
])("tells the author of a model with %s", (_what, bars) => {
  const refusal = expect.objectContaining({ code: "ERR_INVALID_ARGUMENT", hint: expect.any(String) });
  expect(() => hosted({ ...recorder([]), bars: bars as never })).toThrow(refusal);
});

it.each([{ 6: { kind: "memory32", size: 4096 } }, { bar0: { kind: "memory32", size: 4096 } }])(
  "tells the author of a model which BARs there are: %o",
  (bars) => {
    const hint = "it has 0, 1, 2, 3, 4, 5";
    const refusal = { code: "ERR_INVALID_ARGUMENT", message: expect.stringContaining("no BAR"), hint };
    expect(() => hosted({ ...recorder([]), bars: bars as never })).toThrow(expect.objectContaining(refusal));
  },
);
