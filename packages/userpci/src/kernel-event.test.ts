import { setTimeout as delay } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type BackendDevice, type IrqKind, type IrqTarget, PciError } from "@userpci/interface";
import { afterEach, describe, expect, it, vi } from "vitest";
import { PciDevice } from "./device.ts";

type Listener = (count: number) => void;
const kinds: readonly string[] = ["err", "req"];

/** A device whose kernel events go to whoever was connected last. */
function deviceWithEvents({ listening = true } = {}) {
  const connected = new Map<IrqKind, { listener?: Listener }>();
  const state = { resetting: false, closed: false, refusal: undefined as PciError | undefined, connects: 0 };
  const device = {
    address: "0000:01:00.0",
    domain: {},
    memory: {},
    region: () => ({ size: 256, read8: () => 0, read16: () => 0, read32: () => 0 }),
    irqInfo: (kind: IrqKind) => ({ kind, count: kinds.includes(kind) ? 1 : 0 }),
    createIrqTarget() {
      const target: { listener?: Listener } & Partial<IrqTarget> = {
        listen: (listener) => {
          target.listener = listener;
        },
        unlisten: () => {
          delete target.listener;
        },
        ref: () => {},
        close: () => {},
      };
      return target;
    },
    setIrqs(kind: IrqKind, _start: number, [target]: readonly { listener?: Listener }[]) {
      state.connects += 1;
      if (state.refusal) throw state.refusal;
      if (state.resetting) throw new PciError("ERR_RESETTING", "being reset");
      connected.set(kind, target!);
    },
    disableIrqs: (kind: IrqKind) => connected.delete(kind),
    get closed() {
      return state.closed;
    },
    closeSync: () => {
      state.closed = true;
    },
    close: async () => device.closeSync(),
  };
  const opened = PciDevice.over(device as unknown as BackendDevice, 64, "keep");
  const heard: string[] = [];
  if (listening) opened.onRelease(() => void heard.push("req"));
  if (listening) opened.onError(() => void heard.push("err"));
  const fire = (kind: IrqKind): void => connected.get(kind)?.listener?.(1);
  return { opened, heard, fire, state, connected };
}

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What the program adds to hear of events of a kind. */
const listenTo = (opened: PciDevice, kind: string, listener: () => void) =>
  kind === "req" ? opened.onRelease(listener) : opened.onError(listener);

describe.each(["req", "err"] as const)("events of the kind %s", (kind) => {
  it("go to the program's own set, and to the listeners again when that is closed", () => {
    const { opened, heard, fire } = deviceWithEvents();
    const own: number[] = [];
    for (let times = 0; times < 2; times++) {
      const set = opened.irqs.enable(kind);
      set.at(0).on((count) => void own.push(count));
      fire(kind);
      set.close();
      fire(kind);
    }
    expect([own, heard]).toEqual([
      [1, 1],
      [kind, kind],
    ]);
  });

  it("go to them also when the set was closed during a reset, unless there is another set by then", async () => {
    vi.useFakeTimers();
    const { opened, heard, fire, state } = deviceWithEvents();
    const set = opened.irqs.enable(kind);
    state.resetting = true;
    set.close();
    await vi.advanceTimersByTimeAsync(1000);
    state.resetting = false;
    await vi.advanceTimersByTimeAsync(100);
    fire(kind);
    expect(heard).toEqual([kind]);
    const next = opened.irqs.enable(kind);
    state.resetting = true;
    next.close();
    state.resetting = false;
    opened.irqs.enable(kind);
    await vi.advanceTimersByTimeAsync(1000);
    fire(kind);
    expect(heard).toEqual([kind]);
  });

  it("are tried for once at a time, and no more when the device is closed", async () => {
    vi.useFakeTimers();
    const { opened, state } = deviceWithEvents();
    for (let times = 0; times < 2; times++) {
      state.resetting = false;
      const set = opened.irqs.enable(kind);
      state.resetting = true;
      set.close();
    }
    const before = state.connects;
    await vi.advanceTimersByTimeAsync(100);
    expect(state.connects).toBe(before + 1);
    expect(vi.getTimerCount()).toBe(1);
    await opened.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("that cannot be had again are warned of, and tried for by the next listener", async () => {
    vi.useFakeTimers();
    const { opened, heard, fire, state } = deviceWithEvents();
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const set = opened.irqs.enable(kind);
    state.resetting = true;
    set.close();
    state.refusal = new PciError("EMFILE", "eventfd: EMFILE");
    await vi.advanceTimersByTimeAsync(1000);
    expect(warned.mock.calls).toEqual([
      [
        expect.stringMatching(/0000:01:00\.0.*EMFILE/),
        { code: "USERPCI_EVENTS", detail: expect.stringMatching(kind === "req" ? /onRelease/ : /onError/) },
      ],
    ]);
    expect(() => listenTo(opened, kind, () => undefined)).toThrow(state.refusal);
    state.refusal = undefined;
    state.resetting = false;
    listenTo(opened, kind, () => void heard.push("again"));
    fire(kind);
    expect(heard).toEqual([kind, "again"]);
  });

  it("stay with the program's own set when somebody begins to listen, until that is closed", () => {
    const { opened, heard, fire, state } = deviceWithEvents({ listening: false });
    vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const lose = opened.irqs.enable(kind);
    state.refusal = new PciError("EMFILE", "eventfd: EMFILE");
    lose.close();
    state.refusal = undefined;
    const own: number[] = [];
    const set = opened.irqs.enable(kind);
    set.at(0).on((count) => void own.push(count));
    listenTo(opened, kind, () => void heard.push(kind));
    fire(kind);
    expect([own, heard]).toEqual([[1], []]);
    set.close();
    fire(kind);
    expect([own, heard]).toEqual([[1], [kind]]);
  });
});

it("listening does not keep a device that was left open from being collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const left = () => {
    const { opened, connected } = deviceWithEvents({ listening: false });
    opened.onError(() => undefined);
    return { device: new WeakRef(opened), connected };
  };
  const { device, connected } = left();
  const isThere = (): boolean => {
    collect();
    return device.deref() !== undefined;
  };
  await expect.poll(isThere).toBe(false);
  expect([...connected.keys()]).toEqual(["req", "err"]);
});

it("closing the device gives nothing back", async () => {
  const { opened, heard, fire, connected } = deviceWithEvents();
  opened.irqs.enable("req");
  await opened.close();
  await delay(0);
  fire("req");
  expect([heard, [...connected.keys()]]).toEqual([[], []]);
});
