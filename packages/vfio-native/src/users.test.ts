import { expect, it } from "vitest";
import { Users } from "./users.ts";

it("what nobody uses is given up at once", () => {
  const done: string[] = [];
  new Users().whenNone(() => done.push("gone"));
  expect(done).toEqual(["gone"]);
});

it("what calls use is given up when the last has ended, failed ones too", async () => {
  const users = new Users();
  const done: string[] = [];
  let end!: () => void;
  const first = users.during(() => new Promise<void>((resolve) => (end = resolve)));
  const second = users.during(async () => {
    throw new Error("failed");
  });
  users.whenNone(() => done.push("gone"));
  await expect(second).rejects.toThrow("failed");
  expect([users.none, done]).toEqual([false, []]);
  end();
  await first;
  expect([users.none, done]).toEqual([true, ["gone"]]);
});
