import { expect, test } from "vitest";
import { parsePasswd, resolveUser } from "./user.ts";

const ENTRIES = parsePasswd(
  "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65533:nobody:/nonexistent:/x\n\nbroken\n",
);

test("a name or a number gives the ids and home of the entry", () => {
  expect(resolveUser("nobody", ENTRIES)).toMatchObject({ uid: 65534, gid: 65533, home: "/nonexistent" });
  expect(resolveUser("65534", ENTRIES)).toMatchObject({ uid: 65534, gid: 65533 });
});

test("a uid that nobody has is its own group", () => {
  expect(resolveUser("1234", ENTRIES)).toEqual({ uid: 1234, gid: 1234, home: "/" });
});

test("a group can be given", () => {
  expect(resolveUser("nobody:7", ENTRIES)).toMatchObject({ uid: 65534, gid: 7 });
});

test("unknown names are refused by name", () => {
  expect(() => resolveUser("alice", ENTRIES)).toThrow(/no user "alice"/);
  expect(() => resolveUser("0:wheel", ENTRIES)).toThrow(/must be a number/);
});
