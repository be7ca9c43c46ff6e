import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative, type Native } from "./native.ts";
import { UnixSocket } from "./unix-socket.ts";

const native = loadNative();
const errno = { EACCES: -13, EMFILE: -24 };

/** The addon, with a kernel that refuses some calls. */
const refusing = (calls: Partial<Native>): Native => ({ ...native, ...calls });

let folder = "";
let path = "";
let before = native.ledger();
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-"));
  path = join(folder, "socket");
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
  rmSync(folder, { recursive: true, force: true });
});

const failing = (code: string, hint: RegExp) =>
  expect.objectContaining({ code, path, hint: expect.stringMatching(hint) });

describe("a socket that cannot be listened at", () => {
  it("leaves no file, so that the next one has the path", () => {
    const broken = refusing({ listen: () => errno.EMFILE });
    expect(() => UnixSocket.listen(broken, path, "all")).toThrow(failing("EMFILE", /ulimit -n/));
    expect(readdirSync(folder)).toEqual([]);
    UnixSocket.listen(native, path, "all").close();
    expect(readdirSync(folder)).toEqual(["socket"]);
  });

  it("leaves the file of another", () => {
    UnixSocket.listen(native, path, "owner").close();
    expect(() => UnixSocket.listen(native, path, "owner")).toThrow(failing("EADDRINUSE", /rm .*socket/));
    expect(readdirSync(folder)).toEqual(["socket"]);
  });

  it("says what is wrong with the folder", () => {
    const closed = refusing({ bind: () => errno.EACCES });
    expect(() => UnixSocket.listen(closed, path, "owner")).toThrow(failing("EACCES", /folder that both/));
    rmSync(folder, { recursive: true });
    expect(() => UnixSocket.listen(native, path, "owner")).toThrow(failing("ENOENT", /make the folder/));
  });
});

it("a socket of another user's names the user that is to be let in", () => {
  const closed = refusing({ connect: () => errno.EACCES });
  const hint = new RegExp(`uids: \\[${process.getuid!()}\\]`);
  expect(() => UnixSocket.connect(closed, path)).toThrow(failing("EACCES", hint));
});
