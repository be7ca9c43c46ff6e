import { execFileSync } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { getSystemErrorName } from "node:util";
import { failing } from "@userpci/interface/testing";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { MemfdSource } from "./memfd-memory.ts";
import { loadNative } from "./native.ts";

const native = loadNative();
const { EACCES, EMFILE, EPERM, EROFS } = constants.errno;
const source = new MemfdSource();
const PAGE = native.pageSize();
const folder = mkdtempSync(join(tmpdir(), "userpci-file-"));
const path = join(folder, "data");

let before = native.ledger();
beforeEach(() => {
  writeFileSync(path, Buffer.alloc(2 * PAGE + 100, "abc"));
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("memory of a file", () => {
  it("is the file, to its end, in whole pages", () => {
    using memory = source.openFile({ path });
    expect([memory.size, memory.length, memory.pageSize]).toEqual([3 * PAGE, 2 * PAGE + 100, PAGE]);
    const bytes = new Uint8Array(memory.buffer);
    expect(Buffer.from(bytes.subarray(0, memory.length)).equals(readFileSync(path))).toBe(true);
    bytes[PAGE] = 0x21;
    expect(readFileSync(path)[PAGE]).toBe(0x21);
  });

  it("may be a part, by a descriptor that may be closed at once, and by a FileHandle", async () => {
    const fd = openSync(path, "r+");
    using memory = source.openFile({ fd }, { offset: PAGE, size: 10 });
    closeSync(fd);
    expect([memory.size, memory.length]).toEqual([PAGE, 10]);
    new Uint8Array(memory.buffer)[9] = 0x21;
    expect(readFileSync(path)[PAGE + 9]).toBe(0x21);
    const handle = await open(path, "r+");
    using other = source.openFile(handle);
    await handle.close();
    expect(new Uint8Array(other.buffer)[PAGE + 9]).toBe(0x21);
  });

  it("that may only be read shows the file, and keeps to itself what is written", () => {
    using memory = source.openFile({ path }, { readOnly: true });
    expect(memory.readOnly).toBe(true);
    const bytes = new Uint8Array(memory.buffer);
    const first = bytes[0];
    bytes[0] = 0x21;
    expect([bytes[0], readFileSync(path)[0]]).toEqual([0x21, first]);
  });

  it("reads as ones where the file was shortened, instead of ending the process", () => {
    const memory = source.openFile({ path });
    const bytes = new Uint8Array(memory.buffer);
    const fd = openSync(path, "r+");
    ftruncateSync(fd, PAGE);
    closeSync(fd);
    expect([bytes[0], bytes[PAGE], bytes[2 * PAGE]]).toEqual([97, 0xff, 0xff]);
    memory.close();
    expect(bytes.length).toBe(0);
  });

  it("stays while it is mapped", () => {
    const memory = source.openFile({ path });
    memory.retain!();
    expect(() => memory.close()).toThrow(failing("ERR_BUSY", /bytes of the file are still mapped once/));
    memory.release!();
    memory.close();
    memory.close();
    expect(memory.closed).toBe(true);
  });

  it.each<[string, unknown, object, string, RegExp, RegExp]>([
    ["no file", undefined, {}, "ERR_INVALID_ARGUMENT", /not undefined/, /FileHandle/],
    ["a number", 5, {}, "ERR_INVALID_ARGUMENT", /not 5/, /FileHandle/],
    ["a descriptor that is none", { fd: 1e6 }, {}, "EBADF", /1000000/, /open descriptor/],
    [
      "a file that is not there",
      { path: join(folder, "none") },
      {},
      "ENOENT",
      /opening .*none/,
      /make the file/,
    ],
    ["a folder to write", { path: folder }, {}, "EISDIR", /opening/, /path of a file/],
    ["a folder", { path: folder }, { readOnly: true }, "ERR_INVALID_ARGUMENT", /regular file/, /device\.bar/],
    ["a device", { path: "/dev/null" }, {}, "ERR_INVALID_ARGUMENT", /regular file/, /device\.bar/],
    ["an offset between pages", { path }, { offset: 100 }, "ERR_MISALIGNED", /offset is 0x64/, /use 0x0 or/],
    ["an offset behind its end", { path }, { offset: 3 * PAGE }, "ERR_OUT_OF_RANGE", /offset/, /from 0 to/],
    ["more than it has", { path }, { size: 3 * PAGE }, "ERR_OUT_OF_RANGE", /size/, /from 1 to/],
    ["nothing", { path }, { size: 0 }, "ERR_OUT_OF_RANGE", /size/, /from 1 to/],
  ])("is refused of %s, and leaves nothing open", (_what, file, options, code, message, hint) => {
    expect(() => source.openFile(file as never, options)).toThrow(failing(code, message, hint));
  });

  it.each<[string, number, object, RegExp]>([
    ["that this user may only read", EACCES, {}, /may only read: \{ readOnly: true/],
    ["on a file system that is read-only", EROFS, {}, /may only read: \{ readOnly: true/],
    ["that this user may not read", EACCES, { readOnly: true }, /let this user read .*data/],
    ["when no descriptor is left", EMFILE, {}, /ulimit -n/],
  ])("says what to do about a file %s", (_what, errno, options, hint) => {
    const refusing = new MemfdSource({ ...native, open: () => -errno });
    const code = getSystemErrorName(-errno);
    expect(() => refusing.openFile({ path }, options)).toThrow(failing(code, /opening .*data/, hint));
  });

  it.each([
    ["r", {}, /open the descriptor for writing, or pass \{ readOnly: true/],
    ["w", { readOnly: true }, /open the descriptor for reading/],
  ])("says how a descriptor of the mode %s was to be opened", (mode, options, hint) => {
    const fd = openSync(path, mode);
    if (mode === "w") ftruncateSync(fd, PAGE);
    expect(() => source.openFile({ fd }, options)).toThrow(failing("EACCES", /mapping descriptor \d+/, hint));
    closeSync(fd);
  });

  it("says what to do about a file that is sealed against writing", () => {
    const F_SEAL_WRITE = 8; // linux/fcntl.h
    const fd = native.memfd("sealed", PAGE, 0, F_SEAL_WRITE);
    const leaveOut = /leave that seal out, or pass \{ readOnly: true/;
    expect(() => source.openFile({ fd })).toThrow(failing("EPERM", /mapping descriptor \d+/, leaveOut));
    native.close(fd);
    const refusing = new MemfdSource({ ...native, mmap: () => -EPERM });
    expect(() => refusing.openFile({ path }, { readOnly: true })).toThrow(
      failing("EPERM", /mapping .*data/, /F_SEAL_FUTURE_WRITE/),
    );
  });

  it("does not wait for the other end of a pipe", () => {
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    const fifo = { path: pipe };
    for (const readOnly of [true, false])
      expect(() => source.openFile(fifo, { readOnly })).toThrow(
        failing("ERR_INVALID_ARGUMENT", /regular file/),
      );
  });

  it("is refused of an empty file", () => {
    writeFileSync(path, "");
    const make = /truncate -s 4096/;
    expect(() => source.openFile({ path })).toThrow(failing("ERR_OUT_OF_RANGE", /data is empty/, make));
    const fd = openSync(path, "r+");
    expect(() => source.openFile({ fd })).toThrow(failing("ERR_OUT_OF_RANGE", /descriptor \d+ is empty/));
    closeSync(fd);
  });
});
