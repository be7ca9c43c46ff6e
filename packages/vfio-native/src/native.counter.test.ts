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

describe("counterWait", () => {
  it("takes what is there at once, without a look at the clock", () => {
    const fd = native.eventfd(3);
    const start = performance.now();
    expect(native.counterWait(Int32Array.of(fd), 10_000, 1_000_000)).toBe(3);
    expect(performance.now() - start).toBeLessThan(900);
    expect(native.counterRead(fd)).toBe(EAGAIN);
    native.close(fd);
  });

  it("spins for its budget and then sleeps for its time-out, and not longer", () => {
    const fd = native.eventfd(0);
    for (const [timeout, spin] of [
      [0, 0],
      [0, 20_000],
      [200, 0],
      [10, 10_000],
    ] as const) {
      const busy = Array.from({ length: timeout > 100 ? 3 : 1 }, () => {
        const [start, before] = [performance.now(), process.cpuUsage()];
        expect(native.counterWait(Int32Array.of(fd), timeout, spin)).toBe(0);
        expect(performance.now() - start).toBeGreaterThanOrEqual(timeout + spin / 1000);
        const { user, system } = process.cpuUsage(before);
        return user + system;
      });
      // Other threads of this process may compile or collect meanwhile.
      if (spin === 0) expect(Math.min(...busy)).toBeLessThan(100_000);
    }
    native.close(fd);
  });

  it.each([
    ["while it spins", 10_000, 1_000_000],
    ["while it sleeps", 10_000, 0],
    ["without end", -1, 0],
  ])("gets what another thread adds %s", async (_when, timeout, spin) => {
    const fd = native.eventfd(0);
    const worker = startWorker(
      `parentPort.postMessage(0); setTimeout(() => native.counterAdd(workerData, 5), 20);`,
      fd,
    );
    await message(worker);
    expect(native.counterWait(Int32Array.of(fd), timeout, spin)).toBe(5);
    await worker.terminate();
    native.close(fd);
  });

  it("ends with 0 when another descriptor is ready, and takes nothing from that", () => {
    const fds = Int32Array.of(native.eventfd(0), native.eventfd(7));
    expect(native.counterWait(fds, -1, 0)).toBe(0);
    native.counterAdd(fds[0]!, 2);
    expect(native.counterWait(fds, -1, 0)).toBe(2);
    expect(native.counterRead(fds[1]!)).toBe(7);
    for (const fd of fds) native.close(fd);
  });

  it("says so when a descriptor is closed, is no counter, or the numbers mean nothing", () => {
    const fd = native.eventfd(0);
    const [left, right] = native.socketpair(native.constants.SOCK_STREAM) as [number, number];
    expect(native.counterWait(Int32Array.of(-1), 0, 0)).toBe(EBADF);
    expect(native.counterWait(Int32Array.of(900_000), 10, 0)).toBe(EBADF);
    expect(native.counterWait(Int32Array.of(fd, 900_000), 10, 0)).toBe(EBADF);
    native.sendmsg(left, new Uint8Array(3), []);
    expect(native.counterWait(Int32Array.of(right), 10, 0)).toBe(-5);
    for (const [timeout, spin] of [
      [Number.NaN, 0],
      [0, Number.NaN],
      [0, -1],
      [0, 1_000_001],
    ] as const) {
      expect(native.counterWait(Int32Array.of(fd), timeout, spin)).toBe(-22);
    }
    expect(native.counterWait(new Int32Array(0), 0, 0)).toBe(-22);
    for (const each of [fd, left, right]) native.close(each);
  });
});
