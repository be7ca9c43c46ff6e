import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { type IrqTarget, PciError } from "@userpci/interface";
import type { IrqDevice } from "@userpci/irq";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type ReleasePolicy, ReleaseWatch } from "./release.ts";

interface AskableOptions {
  close?: (device: { closed: boolean }) => Promise<void>;
  count?: number;
  lost?: PciError;
}

/** A device that the system can ask for. */
function askable(
  policy: ReleasePolicy,
  { close = async (_device: { closed: boolean }) => {}, count = 1, lost }: AskableOptions = {},
) {
  let arrived: ((count: number) => void) | undefined;
  let awake = true;
  const target = {
    listen: (listener: (count: number) => void) => {
      arrived = listener;
    },
    unlisten: () => {
      arrived = undefined;
    },
    ref: (on: boolean) => {
      awake = on;
    },
    close: () => {},
  } as unknown as IrqTarget;
  const info = { kind: "req", count, maskable: false, autoMasked: false, resizable: false } as const;
  const parts: Partial<IrqDevice> = {
    address: "0000:01:00.0",
    irqInfo: () => info,
    createIrqTarget: () => target,
    setIrqs: () => {},
    disableIrqs: () => {},
  };
  const calls: string[] = [];
  const closable = (name: string) => ({
    address: "0000:01:00.0",
    closed: false,
    async close() {
      calls.push(name);
      await close(this);
    },
  });
  const backend = Object.assign(closable("close backend"), parts as IrqDevice, { lost });
  const device: { current?: ReturnType<typeof closable> } = { current: closable("close") };
  const watch = new ReleaseWatch(device.current!, backend, policy, () => false);
  return {
    watch,
    device,
    calls,
    ask: () => arrived?.(1),
    isHeard: () => arrived !== undefined,
    isAwake: () => awake,
  };
}

let warnings: string[];
const collect = (warning: Error & { code?: string }): void => {
  if (warning.code === "USERPCI_RELEASE") warnings.push(warning.message);
};
beforeEach(() => {
  warnings = [];
  process.on("warning", collect);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  process.off("warning", collect);
});

describe("a device that the system wants back", () => {
  it("is closed at once, with a warning, where nobody listens", async () => {
    const { ask, calls } = askable("close");
    ask();
    await turn();
    expect(calls).toEqual(["close"]);
    expect(warnings).toEqual([expect.stringMatching(/wants 0000:01:00.0 back .*; it was closed$/)]);
  });

  it("is said to be lost where it is, with the cause", async () => {
    const lost = new PciError("ERR_DEVICE_GONE", "the server at /run/a.sock closed the connection");
    const quiet = askable("close", { lost });
    quiet.ask();
    await turn();
    expect(warnings).toEqual([
      "0000:01:00.0 is lost: the server at /run/a.sock closed the connection; it was closed",
    ]);
    const told = askable("close", { lost });
    let cause: PciError | undefined;
    told.watch.on((request) => {
      ({ cause } = request);
    });
    told.ask();
    expect(cause).toBe(lost);
  });

  it("is closed when its listeners are done", async () => {
    const { watch, ask, calls } = askable("close");
    watch.on(async ({ address, requests, closesInMs }) => {
      calls.push(`${address} ${requests} ${closesInMs}`);
      await delay(20);
      calls.push("done");
    });
    ask();
    await delay(50);
    expect(calls).toEqual(["0000:01:00.0 1 1000", "done", "close"]);
    expect(warnings).toEqual([]);
  });

  it("is closed after a second even if a listener never ends", async () => {
    const { watch, ask, calls } = askable("close");
    vi.useFakeTimers();
    watch.on(() => new Promise<void>(() => {}));
    ask();
    await vi.advanceTimersByTimeAsync(999);
    expect(calls).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toEqual(["close"]);
  });

  it("is kept if it was opened so, and each request is told", async () => {
    const { watch, ask, calls } = askable("keep");
    ask();
    const seen: unknown[] = [];
    using _listening = watch.on((request) => void seen.push(request));
    ask();
    await turn();
    expect(seen).toEqual([{ address: "0000:01:00.0", requests: 2, closesInMs: undefined, cause: undefined }]);
    expect(calls).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/, and it is kept$/)]);
  });

  it("is closed a second later if it could not be at once", async () => {
    vi.useFakeTimers();
    let refusals = 1;
    const close = async () => {
      if (refusals-- > 0) throw new Error("busy");
    };
    const { ask, calls } = askable("close", { close });
    ask();
    await vi.advanceTimersByTimeAsync(999);
    expect(calls).toEqual(["close"]);
    expect(warnings).toEqual([expect.stringMatching(/; it cannot be closed yet: Error: busy$/)]);
    ask();
    await vi.advanceTimersByTimeAsync(1001);
    expect(calls).toEqual(["close", "close"]);
    expect(warnings).toContainEqual(expect.stringMatching(/; it was closed$/));
  });

  it("is not said to be open where closing failed at the end", async () => {
    const close = async (device: { closed: boolean }) => {
      device.closed = true;
      throw new Error("memory is still mapped");
    };
    const { ask, calls } = askable("close", { close });
    ask();
    await turn();
    expect(calls).toEqual(["close"]);
    expect(warnings).toEqual([expect.stringMatching(/; it was closed, but: Error: memory is still mapped$/)]);
  });
});

it("a device that was left open and collected is closed on request all the same", async () => {
  const { device, calls, ask } = askable("close");
  vi.spyOn(WeakRef.prototype, "deref").mockReturnValue(undefined);
  delete device.current;
  ask();
  await turn();
  expect(calls).toEqual(["close backend"]);
});

it("a listener that was taken away is not told", async () => {
  const { watch, ask } = askable("keep");
  const seen: number[] = [];
  const first = watch.on(() => void seen.push(1));
  watch.on(() => void seen.push(2));
  first.close();
  ask();
  expect(seen).toEqual([2]);
});

it("waiting for requests does not keep a process alive, nor needs them to exist", () => {
  expect(askable("close").isAwake()).toBe(false);
  const { watch, isHeard } = askable("close", { count: 0 });
  watch.on(() => {});
  expect(isHeard()).toBe(false);
});

it("a watch that is closed hears nothing, and can be closed again", () => {
  const { watch, isHeard } = askable("close");
  expect(isHeard()).toBe(true);
  watch.close();
  watch.close();
  expect(isHeard()).toBe(false);
});
