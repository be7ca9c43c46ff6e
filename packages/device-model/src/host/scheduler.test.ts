import { describe, expect, it } from "vitest";
import type { DeviceModel, ModelDevice } from "../model.ts";
import { Events, hosted, peek, poke } from "../testing/hosting.ts";
import { type Access, recorder, work, worker } from "../testing/models.ts";

/** A device that does nothing by itself, for tasks of a test. */
function bare(instance: { poll?: () => boolean } = {}): { model: DeviceModel; device: () => ModelDevice } {
  let device: ModelDevice | undefined;
  const model: DeviceModel = {
    ...recorder([] as Access[]),
    create(given) {
      device = given;
      return { reset: () => undefined, ...instance };
    },
  };
  return { model, device: () => device! };
}

describe("virtual time", () => {
  it("passes with accesses and steps, so that a driver that only polls gets done", () => {
    using device = hosted(worker());
    const { fn } = device;
    poke(fn, 0, work.start, 10);
    let polls = 0;
    while (peek(fn, 0, work.done) === 0) polls++;
    expect(polls).toBe(9);
    poke(fn, 0, work.done, 0);
    poke(fn, 0, work.start, 10);
    expect(fn.pending).toBe(true);
    let steps = 0;
    do steps++;
    while (!fn.step());
    expect(steps).toBe(10);
    expect(fn.pending).toBe(false);
  });

  it("goes on by itself when nobody calls, however long the wait is", async () => {
    using device = hosted(worker());
    const events = new Events(device.fn, "intx");
    poke(device.fn, 0, work.start, 3600e6);
    await events.next();
    expect(events.counts).toEqual([1]);
  });

  it("gives the same order of events in every run", async () => {
    const run = async (): Promise<string[]> => {
      const { model, device } = bare();
      const log: string[] = [];
      using _ = hosted(model);
      const { time } = device();
      const done = [30, 10, 10, 20].map(
        (us, index) =>
          new Promise<void>((resolve) => {
            device().run(
              (function* () {
                for (let turn = 0; turn < 3; turn++) {
                  yield* time.sleep(us);
                  log.push(`${index} at ${time.now()}`);
                }
                resolve();
              })(),
            );
          }),
      );
      await Promise.all(done);
      return log;
    };
    const first = await run();
    expect(first).toHaveLength(12);
    expect(first.slice(0, 5)).toEqual(["1 at 10", "2 at 10", "3 at 20", "1 at 20", "2 at 20"]);
    expect(await run()).toEqual(first);
  });
});

describe("a task", () => {
  it("runs until its first pause at once, and a sleep of 0 lets the driver go on first", () => {
    const { model, device } = bare();
    using host = hosted(model);
    const log: string[] = [];
    device().run(
      (function* () {
        log.push("begun");
        yield* device().time.sleep(0);
        log.push("gone on");
      })(),
    );
    log.push("driver");
    host.fn.step();
    expect(log).toEqual(["begun", "driver", "gone on"]);
  });

  it("that is resumed inside another goes on after that", () => {
    const { model, device } = bare();
    using host = hosted(model);
    const log: string[] = [];
    const wakes: (() => void)[] = [];
    device().run(
      (function* () {
        yield { begin: (resume) => wakes.push(resume) };
        log.push("woken");
      })(),
    );
    device().run(
      (function* () {
        yield* device().time.sleep(1);
        // Once more than it needs, which does nothing.
        for (const wake of [...wakes, ...wakes]) wake();
        log.push("waker");
      })(),
    );
    host.fn.step();
    host.fn.step();
    expect(log).toEqual(["waker", "woken"]);
  });

  it("that throws is a fault of the model", async () => {
    using device = hosted(worker());
    poke(device.fn, 0, work.failLater, 1);
    for (let i = 0; i < 3; i++) device.fn.step();
    expect(device.faults).toEqual([new RangeError("the task is wrong")]);
  });

  it("is ended by a reset, with its `finally`, and cannot go on", () => {
    const { model, device } = bare();
    using host = hosted({
      ...model,
      config: {
        ...model.config,
        capabilities: [{ name: "pcie", registers: { deviceCapabilities: { functionLevelReset: true } } }],
      },
    });
    const log: string[] = [];
    device().run(
      (function* () {
        try {
          yield* device().time.sleep(1);
          log.push("gone on");
        } finally {
          log.push("ended");
        }
      })(),
    );
    host.fn.reset();
    host.fn.step();
    host.fn.step();
    expect([log, host.fn.pending]).toEqual([["ended"], false]);
  });

  it("may reset its own device, and is not gone on with", () => {
    using device = hosted(worker());
    const { fn, faults } = device;
    let count = 0;
    const signal = (): void => {
      count++;
      fn.reset();
    };
    fn.setIrqs("intx", 0, [{ signal }]);
    poke(fn, 0, work.start, 1);
    for (let i = 0; i < 3; i++) fn.step();
    expect([count, faults, fn.pending]).toEqual([1, [], false]);
  });

  it("does not run before the device has a user, nor after", () => {
    const { model, device } = bare();
    using host = hosted(model);
    host.fn.close();
    let count = 0;
    device().run(
      (function* () {
        for (;;) {
          count++;
          yield* device().time.sleep(1);
        }
      })(),
    );
    expect([host.fn.step(), count, host.fn.pending]).toEqual([false, 0, false]);
    host.fn.open();
    host.fn.step();
    expect(count).toBe(1);
  });
});

describe("poll", () => {
  it.each(["virtual", "real"] as const)(
    "is called with every step, and by the event loop, in %s time",
    async (time) => {
      let polls = 0;
      const { model } = bare({ poll: () => ++polls === 1 });
      using host = hosted(model, { time });
      expect(host.fn.step()).toBe(true);
      expect(host.fn.step()).toBe(false);
      const before = polls;
      await expect.poll(() => polls, { interval: 1 }).toBeGreaterThan(before);
    },
  );
});

describe("real time", () => {
  it("is the wall's clock, whatever the driver does", async () => {
    using device = hosted(worker(), { time: "real" });
    const events = new Events(device.fn, "intx");
    const begun = performance.now();
    poke(device.fn, 0, work.start, 20_000);
    for (let i = 0; i < 100; i++) device.fn.step();
    const isDone = peek(device.fn, 0, work.done) === 1;
    expect(isDone && performance.now() - begun < 19.5).toBe(false);
    if (!isDone) await events.next();
    expect(performance.now() - begun).toBeGreaterThan(19.5);
  });
});
