import { expect, it, vi } from "vitest";
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

it("what was given up is not given up again by a later call", async () => {
  const users = new Users();
  const done: string[] = [];
  const first = users.during(async () => undefined);
  users.whenNone(() => done.push("gone"));
  await first;
  await users.during(async () => undefined);
  expect(done).toEqual(["gone"]);
});

it("what is given up may be used while that happens, and is given up once", async () => {
  const users = new Users();
  const done: string[] = [];
  const first = users.during(async () => undefined);
  let later: Promise<void> | undefined;
  users.whenNone(() => {
    done.push("gone");
    later = users.during(async () => undefined);
  });
  await first;
  await later;
  expect(done).toEqual(["gone"]);
});

it("what cannot be given up is the closer's failure, or a warning, and no call's that has succeeded", async () => {
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  const refuse = (): void => {
    throw new Error("not now");
  };
  expect(() => new Users().whenNone(refuse)).toThrow("not now");
  expect(warned).not.toHaveBeenCalled();
  const users = new Users();
  const call = users.during(async () => "mapped");
  users.whenNone(refuse);
  expect(await call).toBe("mapped");
  expect(warned).toHaveBeenCalledExactlyOnceWith(expect.stringContaining("not now"), {
    code: "USERPCI_CLOSE",
    detail: expect.stringContaining("await them first"),
  });
  warned.mockRestore();
});
