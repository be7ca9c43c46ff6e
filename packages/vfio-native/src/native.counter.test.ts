import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { message, startWorker } from "./test/environments.ts";

const native = loadNative();
const EAGAIN = -11;
const EBADF = -9;

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

describe("counters", () => {
  it("add up until they are read, and never block", () => {
    const fd = native.eventfd(2, 0);
    expect(native.counterAdd(fd, 3)).toBe(0);
    expect(native.counterRead(fd)).toBe(5);
    expect(native.counterRead(fd)).toBe(EAGAIN);
    native.close(fd);
  });

  it("hold counts above 32 bits", () => {
    const fd = native.eventfd(0xffff_ffff, 0);
    native.counterAdd(fd, 2 ** 52);
    expect(native.counterRead(fd)).toBe(2 ** 52 + 0xffff_ffff);
    native.close(fd);
  });

  it("give one at a time as semaphores", () => {
    const fd = native.eventfd(2, native.constants.EFD_SEMAPHORE);
    expect([1, 2, 3].map(() => native.counterRead(fd))).toEqual([1, 1, EAGAIN]);
    native.close(fd);
  });

  it("say so when the descriptor is closed", () => {
    expect(native.counterRead(-1)).toBe(EBADF);
    expect(native.counterAdd(-1, 1)).toBe(EBADF);
  });
});

describe("poll", () => {
  it("tells which descriptors are ready, and takes nothing from them", () => {
    const fds = Int32Array.of(native.eventfd(0), native.eventfd(1), native.eventfd(7));
    const ready = new Uint8Array(3).fill(9);
    expect(native.poll(fds, -1, ready)).toBe(2);
    expect([...ready]).toEqual([0, 1, 1]);
    expect(native.counterRead(fds[2]!)).toBe(7);
    for (const fd of fds) native.close(fd);
  });

  it("gives up after the time-out, not before", () => {
    const fd = native.eventfd(0);
    for (const timeout of [0, 0.5, 30]) {
      const start = performance.now();
      expect(native.poll(Int32Array.of(fd), timeout)).toBe(0);
      expect(performance.now() - start).toBeGreaterThanOrEqual(timeout);
    }
    native.close(fd);
  });

  it("wakes when another thread adds to the counter", async () => {
    const fd = native.eventfd(0);
    const worker = startWorker(
      `parentPort.postMessage(0); setTimeout(() => native.counterAdd(workerData, 3), 20);`,
      fd,
    );
    await message(worker);
    expect(native.poll(Int32Array.of(fd), 10_000)).toBe(1);
    expect(native.counterRead(fd)).toBe(3);
    await worker.terminate();
    native.close(fd);
  });

  it("reports the other end's hang-up", () => {
    const [left, right] = native.socketpair(native.constants.SOCK_STREAM) as [number, number];
    native.close(left);
    expect(native.poll(Int32Array.of(right), -1)).toBe(1);
    native.close(right);
  });

  it("says so when a descriptor is closed or the marks have no room", () => {
    const fd = native.eventfd(1);
    expect(native.poll(Int32Array.of(fd, -1), 0)).toBe(EBADF);
    expect(native.poll(Int32Array.of(fd, 900_000), 0)).toBe(EBADF);
    expect(native.poll(Int32Array.of(fd, fd), 0, new Uint8Array(1))).toBe(-22);
    expect(native.poll(Int32Array.of(fd), Number.NaN)).toBe(-22);
    native.close(fd);
  });
});
