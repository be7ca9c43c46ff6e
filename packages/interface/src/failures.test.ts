import { expect, it } from "vitest";
import { PciError } from "./errors.ts";
import { Failures } from "./failures.ts";

const boom = (message: string) => new PciError("EIO", message, { hint: `mend ${message}` });

it("tries every step and throws the one error as it is", async () => {
  const failures = new Failures();
  const done: string[] = [];
  const error = boom("first");
  failures.try(() => {
    throw error;
  });
  failures.try(() => void done.push("second"));
  await failures.tryAsync(async () => void done.push("third"));
  expect(done).toEqual(["second", "third"]);
  expect(() => failures.throwIfAny("closed, but")).toThrow(error);
});

it("joins several errors under the first one's code and keeps them all", async () => {
  const failures = new Failures();
  const errors = [boom("one"), new TypeError("two")];
  failures.try(() => {
    throw errors[0];
  });
  await failures.tryAsync(() => Promise.reject(errors[1]));
  expect(() => failures.throwIfAny("the domain is closed, but")).toThrow(
    expect.objectContaining({
      code: "EIO",
      message: "the domain is closed, but 2 steps failed, the first: one",
      hint: "mend one",
      cause: expect.objectContaining({ errors }),
    }),
  );
});

it("is silent when nothing failed", () => {
  expect(() => new Failures().throwIfAny("closed, but")).not.toThrow();
});
