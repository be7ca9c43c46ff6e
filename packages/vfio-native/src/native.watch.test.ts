import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { ended, message, runChild, startWorker } from "./test/environments.ts";

const native = loadNative();
const COUNTER = 0;
const READABLE = 1;

let before = native.ledger();
beforeEach(() => {
  before = native.ledger();
});
afterEach(() => {
  expect(native.ledger()).toEqual(before);
});

/** The first value a watch calls back with. */
function firstCall(fd: number, kind: 0 | 1, begin: () => void = () => {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const handle = native.watch(fd, kind, (count) => {
      native.unwatch(handle);
      resolve(count);
    });
    if (handle < 0) reject(new Error(`watch ${handle}`));
    begin();
  });
}

describe("watch", () => {
  it("delivers the count, those before the watch included", async () => {
    const fd = native.eventfd(4);
    expect(await firstCall(fd, COUNTER, () => native.counterAdd(fd, 3))).toBe(7);
    expect(native.counterRead(fd)).toBe(-11);
    native.close(fd);
  });

  it("loses no event of a flood from another thread", async () => {
    const fd = native.eventfd(0);
    const total = 20_000;
    let seen = 0;
    const done = new Promise<void>((resolve) => {
      const handle = native.watch(fd, COUNTER, (count) => {
        seen += count;
        if (seen < total) return;
        native.unwatch(handle);
        resolve();
      });
    });
    const worker = startWorker(`for (let i = 0; i < ${total}; i++) native.counterAdd(workerData, 1);`, fd);
    await Promise.all([done, ended(worker)]);
    expect(seen).toBe(total);
    native.close(fd);
  });

  it("calls back for a readable socket as long as there is something to read", async () => {
    const [left, right] = native.socketpair(native.constants.SOCK_STREAM) as [number, number];
    native.sendmsg(left, new Uint8Array(2), []);
    let calls = 0;
    await new Promise<void>((resolve) => {
      const handle = native.watch(right, READABLE, (ready) => {
        expect(ready).toBe(1);
        calls += 1;
        native.recvmsg(right, new Uint8Array(1), 0);
        if (calls === 2) setTimeout(() => resolve(void native.unwatch(handle)), 10);
      });
    });
    expect(calls).toBe(2);
    for (const fd of [left, right]) native.close(fd);
  });

  it("runs microtasks and nextTick callbacks before the next event", async () => {
    const [first, second] = [native.eventfd(1), native.eventfd(1)];
    const log: string[] = [];
    const handles = [first, second].map((fd, i) =>
      native.watch(fd, COUNTER, () => {
        log.push(`event ${i}`);
        Promise.resolve().then(() => log.push(`microtask ${i}`));
        process.nextTick(() => log.push(`tick ${i}`));
      }),
    );
    await expect.poll(() => log).toHaveLength(6);
    const order = (i: number): string[] => [`event ${i}`, `tick ${i}`, `microtask ${i}`];
    expect([
      [...order(0), ...order(1)],
      [...order(1), ...order(0)],
    ]).toContainEqual(log);
    for (const handle of handles) native.unwatch(handle);
    for (const fd of [first, second]) native.close(fd);
  });

  it("keeps the AsyncLocalStorage of whoever began it", async () => {
    const storage = new AsyncLocalStorage<string>();
    const fd = native.eventfd(1);
    const seen = await storage.run("driver 1", () => firstCall(fd, COUNTER).then(() => storage.getStore()));
    expect(seen).toBe("driver 1");
    const inside = await new Promise((resolve) => {
      storage.run("driver 2", () => {
        const handle = native.watch(fd, COUNTER, () => {
          native.unwatch(handle);
          resolve(storage.getStore());
        });
      });
      native.counterAdd(fd, 1);
    });
    expect(inside).toBe("driver 2");
    native.close(fd);
  });

  it("refuses what cannot be watched", () => {
    const fd = native.eventfd(0);
    const file = native.memfd("x", 1, 0, 0);
    const handle = native.watch(fd, COUNTER, () => {});
    expect(native.watch(fd, COUNTER, () => {})).toBe(-17);
    expect(native.watch(file, READABLE, () => {})).toBe(-1);
    expect(native.watch(-1, READABLE, () => {})).toBeLessThan(0);
    expect(native.watch(900_000, READABLE, () => {})).toBe(-9);
    native.unwatch(handle);
    for (const each of [fd, file]) native.close(each);
  });

  it("ends with the errno of a descriptor that is no counter", async () => {
    const [left, right] = native.socketpair(native.constants.SOCK_STREAM) as [number, number];
    const result = await firstCall(right, COUNTER, () => native.sendmsg(left, new Uint8Array(3), []));
    expect(result).toBe(-5);
    for (const fd of [left, right]) native.close(fd);
  });
});

describe("unwatch", () => {
  it("is harmless twice, and for watches there never were", () => {
    const fd = native.eventfd(0);
    const handle = native.watch(fd, COUNTER, () => {});
    expect(handle).toBeGreaterThan(0);
    expect([native.unwatch(handle), native.unwatch(handle), native.unwatch(0)]).toEqual([0, -2, -2]);
    expect(native.watchRef(handle, true)).toBe(-2);
    native.close(fd);
  });

  it("frees the descriptor at once, also from the callback", async () => {
    const fd = native.eventfd(1);
    await new Promise<void>((resolve) => {
      const handle = native.watch(fd, COUNTER, () => {
        expect(native.unwatch(handle)).toBe(0);
        expect(native.close(fd)).toBe(0);
        resolve();
      });
    });
  });

  it("keeps another watch, ready in the same turn, from being called", async () => {
    const fds = [native.eventfd(1), native.eventfd(1)];
    const handles: number[] = [];
    let calls = 0;
    for (const fd of fds) {
      handles.push(
        native.watch(fd, COUNTER, () => {
          calls += 1;
          for (const handle of handles) native.unwatch(handle);
        }),
      );
    }
    await expect.poll(() => calls).toBe(1);
    await delay(20);
    expect(calls).toBe(1);
    for (const fd of fds) native.close(fd);
  });

  it("can be followed by a new watch of the same descriptor", async () => {
    const fd = native.eventfd(0);
    for (let i = 1; i <= 100; i++) {
      expect(await firstCall(fd, COUNTER, () => native.counterAdd(fd, i))).toBe(i);
    }
    native.close(fd);
  });
});

describe("the process", () => {
  it("lives as long as a watch does, unless told otherwise", () => {
    const result = runChild(`
      const fd = native.eventfd(0);
      const handle = native.watch(fd, 0, (count) => { console.log(count); native.watchRef(handle, false); });
      setTimeout(() => native.counterAdd(fd, 5), 30).unref();
    `);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "5\n", stderr: "" });
  });

  it("sees what a callback throws as an uncaught exception", () => {
    const caught = runChild(`
      const fd = native.eventfd(1);
      const handle = native.watch(fd, 0, () => { throw new Error("from the callback"); });
      process.on("uncaughtException", (error) => { console.log(error.message); native.unwatch(handle); });
    `);
    expect(caught).toMatchObject({ status: 0, stdout: "from the callback\n", stderr: "" });
    const uncaught = runChild(
      `native.watch(native.eventfd(1), 0, () => { throw new Error("from the callback"); });`,
    );
    expect(uncaught.status).toBe(1);
    expect(uncaught.stderr).toContain("from the callback");
  });

  it.each(["process.exit(3)", "process.reallyExit(3)", "setImmediate(() => process.exit(3))"])(
    "can be ended from the callback by %s",
    (exit) => {
      expect(runChild(`native.watch(native.eventfd(1), 0, () => { ${exit} });`)).toMatchObject({
        status: 3,
        signal: null,
        stderr: "",
      });
    },
  );
});

describe("a worker with watches", () => {
  const busyWatches = `
    const counters = Array.from({ length: 8 }, () => native.eventfd(1));
    for (const fd of counters) native.watch(fd, 0, () => native.counterAdd(fd, 1));
  `;

  it.each([
    ["terminated while it waits", `native.watch(native.eventfd(0), 0, () => {}); parentPort.postMessage(0);`],
    ["terminated under a flood", `${busyWatches} setTimeout(() => parentPort.postMessage(0), 5);`],
    [
      "terminated inside a callback",
      `native.watch(native.eventfd(1), 0, () => { parentPort.postMessage(0); for (;;); });`,
    ],
    [
      "terminated inside a microtask",
      `native.watch(native.eventfd(1), 0, () => { Promise.resolve().then(() => { parentPort.postMessage(0); for (;;); }); });`,
    ],
  ])("can be %s", async (_when, body) => {
    const worker = startWorker(body);
    await message(worker);
    expect(await worker.terminate()).toBe(1);
  });

  it.each([
    ["is terminated inside a callback", "parentPort.postMessage(0); for (;;);"],
    [
      "is terminated inside a microtask",
      "Promise.resolve().then(() => { parentPort.postMessage(0); for (;;); });",
    ],
    ["ends by process.exit()", "parentPort.postMessage(0); process.exit();"],
  ])("that %s leaves a count that it was not told of to others", async (_how, callback) => {
    const counters = [native.eventfd(5), native.eventfd(5)];
    const worker = startWorker(
      `for (const fd of workerData) native.watch(fd, 0, () => { ${callback} });`,
      counters,
    );
    await message(worker);
    await worker.terminate();
    // It was told of one of the two.
    expect(counters.map((fd) => native.counterRead(fd)).toSorted()).toEqual([-11, 5]);
    for (const fd of counters) native.close(fd);
  });

  it.each([
    ["by itself", `native.watchRef(native.watch(native.eventfd(0), 0, () => {}), false);`, 0],
    ["by process.exit()", `${busyWatches} process.exit(4);`, 4],
    ["by process.exit() in a callback", `native.watch(native.eventfd(1), 0, () => process.exit(4));`, 4],
    ["right after unwatch()", `native.unwatch(native.watch(native.eventfd(0), 0, () => {}));`, 0],
  ])("can end %s", async (_how, body, code) => {
    expect(await ended(startWorker(body))).toBe(code);
  });

  it("can end by an exception of a callback", async () => {
    const worker = startWorker(
      `native.watch(native.eventfd(1), 0, () => { throw new Error("deliberate"); });`,
    );
    const [[error], code] = await Promise.all([once(worker, "error"), ended(worker)]);
    expect([(error as Error).message, code]).toEqual(["deliberate", 1]);
  });

  it("can be terminated at any moment of its life", () => {
    // In a child: a mistake here is an abort.
    const result = runChild(`
      const { Worker } = require("node:worker_threads");
      const body = "const native = require(" + JSON.stringify(require.resolve(Object.keys(require.cache).find((f) => f.endsWith(".node")))) + ");" +
        "for (;;) { const fd = native.eventfd(1); const h = native.watch(fd, 0, () => {}); native.ioctlAsync(fd, 1, new Uint8Array(8)); native.unwatch(h); native.closeAsync(fd); native.socketpair(1).forEach(native.close); }";
      (async () => {
        for (let i = 0; i < 30; i++) {
          const worker = new Worker(body, { eval: true });
          await new Promise((resolve) => worker.once("online", resolve));
          await new Promise((resolve) => setTimeout(resolve, i % 7));
          await worker.terminate();
        }
        console.log("ended");
      })();
    `);
    expect(result).toMatchObject({ status: 0, signal: null, stdout: "ended\n", stderr: "" });
  });
});
