import type { Backend, BackendDevice, IrqTarget } from "@userpci/interface";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Subject, Unplug } from "../subject.ts";
import { Trial } from "../trial.ts";
import { unplugTests } from "./unplug.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A device that is never asked back. */
function deviceThat(closeTarget: () => void): BackendDevice {
  const target = { listen: () => undefined, [Symbol.dispose]: closeTarget } as unknown as IrqTarget;
  return {
    irqInfo: () => ({ count: 1 }),
    createIrqTarget: () => target,
    setIrqs: () => undefined,
  } as unknown as BackendDevice;
}

function trialOf(device: BackendDevice, unplug: Unplug): Trial {
  const backend = { open: async () => device, close: async () => undefined } as unknown as Backend;
  const main = { address: "0000:01:00.0", vectors: {} };
  return new Trial({ backend: "mine", create: () => backend, main, unplug } as unknown as Subject, []);
}

const test = unplugTests["a device that is plugged in again answers as before"]!;

it("a removal that fails is the failure, and leaves the function in place and nothing waiting", async () => {
  const done: string[] = [];
  const remove = () => Promise.reject(new Error("the slot is locked"));
  const restore = async () => void done.push("restored");
  const trial = trialOf(
    deviceThat(() => done.push("target closed")),
    { remove, restore },
  );
  await expect(test(trial)).rejects.toThrow("the slot is locked");
  expect(done).toEqual(["target closed", "restored"]);
  expect(vi.getTimerCount()).toBe(0);
});
