import {
  closeSync,
  constants as fsConstants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { runChild } from "./test/environments.ts";

const native = loadNative();
const { constants } = native;
const EPERM = -1;
const EBADF = -9;
const EINVAL = -22;
const EIO = -5;
const ENOTTY = -25;

/** From asm-generic/ioctls.h and linux/nsfs.h: small requests that every kernel has. */
const FIONREAD = 0x541b;
const NS_GET_USERNS = 0xb701;
const NS_GET_NSTYPE = 0xb703;
const CLONE_NEWNET = 0x4000_0000;

const folder = mkdtempSync(join(tmpdir(), "userpci-"));
afterAll(() => rmSync(folder, { recursive: true }));

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  // Every test gives back what it opens.
  expect(native.ledger()).toEqual(before);
});

function closesOnExec(fd: number): boolean {
  const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"));
  return (Number.parseInt(flags![1]!, 8) & 0o2000000) !== 0;
}

function opened(fd: number): number {
  expect(fd).toBeGreaterThan(2);
  return fd;
}

describe("open and close", () => {
  it("opens a file, and answers errors as negative numbers", () => {
    const fd = opened(native.open("/dev/null", constants.O_RDWR));
    expect(native.close(fd)).toBe(0);
    expect(native.open(join(folder, "nothing"), constants.O_RDONLY)).toBe(-2);
    expect(native.open(folder, constants.O_RDWR)).toBe(-21);
  });

  it("takes node's own flags", () => {
    const path = join(folder, "created");
    const fd = opened(native.open(path, fsConstants.O_CREAT | fsConstants.O_EXCL | fsConstants.O_WRONLY));
    expect(native.open(path, fsConstants.O_CREAT | fsConstants.O_EXCL)).toBe(-17);
    native.close(fd);
  });

  it("closes nothing that it did not open", () => {
    const foreign = openSync("/dev/null", "r");
    expect(native.close(foreign)).toBe(EBADF);
    closeSync(foreign);
    expect([-1, 0, 1, 2, 900_000].map((fd) => native.close(fd))).toEqual(new Array(5).fill(EBADF));
  });

  it("refuses the second close even when the number is another file's by then", () => {
    const fd = opened(native.open("/dev/null", constants.O_RDONLY));
    native.close(fd);
    const reused = openSync("/dev/null", "r");
    expect(reused).toBe(fd);
    expect(native.close(fd)).toBe(EBADF);
    closeSync(reused);
  });

  it("does not close what the event loop watches", () => {
    const fd = opened(native.eventfd(0, 0));
    const handle = native.watch(fd, 0, () => {});
    expect(native.close(fd)).toBe(-16);
    expect(native.unwatch(handle)).toBe(0);
    expect(native.close(fd)).toBe(0);
  });

  it("closes on the thread pool", async () => {
    const fd = opened(native.dup(0));
    const closing = native.closeAsync(fd);
    expect(native.close(fd)).toBe(EBADF);
    expect(await closing).toBe(0);
    expect(await native.closeAsync(fd)).toBe(EBADF);
    expect(() => readFileSync(`/proc/self/fdinfo/${fd}`)).toThrow("ENOENT");
  });
});

describe("descriptors", () => {
  it("close on exec from birth, however they came", () => {
    const [left, right] = native.socketpair(constants.SOCK_STREAM) as [number, number];
    native.sendmsg(left, new Uint8Array(1), [0]);
    const received = native.recvmsg(right, new Uint8Array(1), 1);
    if (typeof received === "number") throw new Error(`recvmsg ${received}`);
    const all = [
      left,
      right,
      received.fds[0]!,
      opened(native.open("/dev/null", constants.O_RDONLY)),
      opened(native.dup(0)),
      opened(native.eventfd(0, 0)),
      opened(native.memfd("x", 0, 0, 0)),
    ];
    expect(all.map(closesOnExec)).toEqual(all.map(() => true));
    for (const fd of all) expect(native.close(fd)).toBe(0);
  });

  it("are not seen by a child process", () => {
    const { stdout } = runChild(`
      const before = native.ledger().descriptors;
      native.eventfd(0); native.memfd("x", 0, 0, 0); native.socketpair(constants.SOCK_STREAM); native.dup(0);
      const { execFileSync } = require("node:child_process");
      const list = "console.log(fs.readdirSync('/proc/self/fd').map((fd) => { try { return fs.readlinkSync('/proc/self/fd/' + fd) } catch { return '' } }).join())";
      console.log(native.ledger().descriptors - before, execFileSync(process.execPath, ["-e", list], { encoding: "utf8" }));
    `);
    expect(stdout).toMatch(/^5 /);
    expect(stdout).not.toMatch(/memfd:x/);
  });

  it("can be duplicated, and the duplicate outlives the original", () => {
    const first = opened(native.memfd("x", 4, 0, 0));
    const second = opened(native.dup(first));
    native.writeScalar(first, 0, 4, 0x01020304);
    native.close(first);
    expect(native.readScalar(second, 0, 4)).toBe(0x01020304);
    native.close(second);
    expect(native.dup(-1)).toBe(EBADF);
  });

  it("of others can be adopted, once", () => {
    const foreign = openSync("/dev/null", "r");
    expect(native.adopt(foreign)).toBe(0);
    expect(closesOnExec(foreign)).toBe(true);
    expect(native.adopt(foreign)).toBe(-17);
    expect(native.close(foreign)).toBe(0);
    expect(native.adopt(foreign)).toBe(EBADF);
  });
});

describe("ioctl", () => {
  it("fills a structure", () => {
    const [left, right] = native.socketpair(constants.SOCK_STREAM) as [number, number];
    native.sendmsg(left, new Uint8Array(1234), []);
    const bytes = new Uint8Array(4);
    expect(native.ioctl(right, FIONREAD, bytes)).toBe(0);
    expect(new Int32Array(bytes.buffer)[0]).toBe(1234);
    for (const fd of [left, right]) native.close(fd);
  });

  it("takes an integer and returns one", () => {
    const fd = opened(native.open("/proc/self/ns/net", constants.O_RDONLY));
    expect(native.ioctl(fd, NS_GET_NSTYPE, 0)).toBe(CLONE_NEWNET);
    expect(native.ioctl(fd, 0x3b65, 0)).toBe(ENOTTY);
    expect(native.ioctl(-1, NS_GET_NSTYPE, 0)).toBe(EBADF);
    native.close(fd);
  });

  it("owns a descriptor that it returned, if told so", async ({ skip }) => {
    const fd = opened(native.open("/proc/self/ns/net", constants.O_RDONLY));
    const { descriptors } = native.ledger();
    const asked = native.ioctl(fd, NS_GET_USERNS, 0, true);
    if (asked === EPERM) {
      native.close(fd);
      skip("the network namespace belongs to a user namespace outside of this process's");
    }
    const first = opened(asked);
    const second = opened(await native.ioctlAsync(fd, NS_GET_USERNS, new Uint8Array(8), true));
    expect(native.ledger().descriptors).toBe(descriptors + 2);
    for (const each of [fd, first, second]) expect(native.close(each)).toBe(0);
  });

  it("refuses an array that is shorter than the request's number says", () => {
    const TIOCGPTN = 0x8004_5430;
    const fd = opened(native.open("/dev/null", constants.O_RDONLY));
    expect(native.ioctl(fd, TIOCGPTN, new Uint8Array(3))).toBe(EINVAL);
    expect(native.ioctl(fd, TIOCGPTN, new Uint8Array(4))).toBe(ENOTTY);
    native.close(fd);
  });

  it("runs on the thread pool, resolving to what the kernel said", async () => {
    const [left, right] = native.socketpair(constants.SOCK_STREAM) as [number, number];
    native.sendmsg(left, new Uint8Array(77), []);
    const bytes = new Uint8Array(4);
    expect(await native.ioctlAsync(right, FIONREAD, bytes)).toBe(0);
    expect(new Int32Array(bytes.buffer)[0]).toBe(77);
    expect(await native.ioctlAsync(right, 0x3b65, bytes)).toBe(ENOTTY);
    expect(await native.ioctlAsync(-1, FIONREAD, bytes)).toBe(EBADF);
    expect(await native.ioctlAsync(right, 0x8004_5430, new Uint8Array(1))).toBe(EINVAL);
    for (const fd of [left, right]) native.close(fd);
  });

  it("does not write where a buffer was that JavaScript took away meanwhile", async () => {
    const [left, right] = native.socketpair(constants.SOCK_STREAM) as [number, number];
    const bytes = new Uint8Array(4);
    const pending = native.ioctlAsync(right, FIONREAD, bytes);
    const moved = structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    expect(await pending).toBe(0);
    expect(moved.byteLength).toBe(4);
    for (const fd of [left, right]) native.close(fd);
  });
});

describe("pread and pwrite", () => {
  let fd = -1;
  beforeEach(() => {
    fd = opened(native.memfd("registers", 16, 0, 0));
    before = { ...before, descriptors: before.descriptors + 1 };
    return () => {
      native.close(fd);
    };
  });

  it("carry bytes, and say how many at the end of a file", () => {
    expect(native.pwrite(fd, Uint8Array.of(1, 2, 3, 4), 8)).toBe(4);
    const bytes = new Uint8Array(8);
    expect(native.pread(fd, bytes, 6)).toBe(8);
    expect([...bytes]).toEqual([0, 0, 1, 2, 3, 4, 0, 0]);
    expect(native.pread(fd, bytes, 12)).toBe(4);
    expect(native.pread(fd, bytes, 16)).toBe(0);
    expect(native.pread(fd, bytes, -1)).toBe(EINVAL);
  });

  it("write only the part that a subarray shows", () => {
    native.pwrite(fd, Uint8Array.of(1, 2, 3, 4).subarray(1, 3), 0);
    expect(native.readScalar(fd, 0, 4)).toBe(0x0302);
  });

  it("read numbers of 1, 2 and 4 bytes, unsigned and little-endian", () => {
    native.pwrite(fd, Uint8Array.of(0x81, 0x92, 0xa3, 0xf4), 4);
    expect(([1, 2, 4] as const).map((width) => native.readScalar(fd, 4, width))).toEqual([
      0x81, 0x9281, 0xf4a39281,
    ]);
    expect(native.readScalar(fd, 7, 1)).toBe(0xf4);
  });

  it("write the low bytes of a number, and no other", () => {
    native.pwrite(fd, new Uint8Array(16).fill(0x55), 0);
    expect(native.writeScalar(fd, 4, 1, 0x1ff)).toBe(0);
    expect(native.writeScalar(fd, 8, 2, -2)).toBe(0);
    expect(native.writeScalar(fd, 12, 4, 0xdeadbeef)).toBe(0);
    const words = [4, 8, 12].map((position) => native.readScalar(fd, position, 4));
    expect(words).toEqual([0x555555ff, 0x5555fffe, 0xdeadbeef]);
  });

  it("answer EIO for a number that is only half there", () => {
    expect(native.readScalar(fd, 14, 4)).toBe(EIO);
    expect(native.readScalar(fd, 16, 1)).toBe(EIO);
  });

  it("refuse widths that are no register's, and descriptors that are none", () => {
    expect([0, 3, 8, -4].map((width) => native.readScalar(fd, 0, width as 4))).toEqual(
      new Array(4).fill(EINVAL),
    );
    expect([0, 3, 8, -4].map((width) => native.writeScalar(fd, 0, width as 4, 0))).toEqual(
      new Array(4).fill(EINVAL),
    );
    expect(native.readScalar(-1, 0, 4)).toBe(EBADF);
    expect(native.writeScalar(-1, 0, 4, 0)).toBe(EBADF);
  });

  it("reach positions far above 4 GiB, where VFIO keeps its regions", () => {
    const path = join(folder, "sparse");
    writeFileSync(path, "");
    const file = opened(native.open(path, constants.O_RDWR));
    const config = 7 * 2 ** 40;
    const written = native.writeScalar(file, config + 4, 4, 0x12345678);
    if (written === 0) expect(native.readScalar(file, config + 4, 4)).toBe(0x12345678);
    else expect(written).toBe(-27); // EFBIG: a file system with a smaller limit
    native.close(file);
  });
});
