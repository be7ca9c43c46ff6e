import { inspect } from "node:util";
import { expect, test } from "vitest";
import { TestbedError, toTestbedError } from "./error.ts";

test("the message carries hint and log, so that any test runner shows them", () => {
  const error = new TestbedError("ERR_TESTBED_PANIC", "Kernel panic", {
    hint: "do this",
    log: "last words\n\n",
  });
  expect(error.message).toBe("Kernel panic\n  hint: do this\n--- log ---\nlast words");
  expect(error.summary).toBe("Kernel panic");
});

test("a printed error shows its log once", () => {
  const error = new TestbedError("ERR_TESTBED_PANIC", "Kernel panic", { log: "last words" });
  expect(inspect(error).match(/last words/g)).toHaveLength(1);
});

test("an error survives the way to another process", () => {
  const error = new TestbedError("ERR_TESTBED_HUNG", "no answer", { hint: "h", log: "l" });
  const copy = TestbedError.fromJSON(JSON.parse(JSON.stringify(error)));
  expect(copy).toBeInstanceOf(TestbedError);
  expect([copy.code, copy.message, copy.hint, copy.log]).toEqual([error.code, error.message, "h", "l"]);
});

test("a foreign error is wrapped once and keeps its cause", () => {
  const cause = new Error("disk full");
  const wrapped = toTestbedError(cause, "ERR_TESTBED_PROVISION");
  expect(wrapped).toMatchObject({ code: "ERR_TESTBED_PROVISION", cause });
  expect(toTestbedError(wrapped, "ERR_TESTBED_BOOT")).toBe(wrapped);
});
