import { type Backend, type BackendDevice, regionIndex } from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import { ConformanceError, type Trial } from "../trial.ts";
import { decode, withBackend, withDevice } from "./scene.ts";
import { methodsOf, promises, type Row } from "./states.ts";

/** Longest wait in milliseconds for a request to arrive. */
const PATIENCE_MS = 20_000;

/** A device that the system wants back, and what waits for it. */
interface Wanted {
  readonly device: BackendDevice;
  readonly backend: Backend;
  readonly methods: readonly Row[];
  /** Resolves when the function is gone. */
  readonly gone: Promise<void>;
}

/**
 * Unplugs a device that is open, and plugs it in again at the end.
 *
 * @param what is left out where that cannot be done
 * @returns whether it was done
 */
async function whileUnplugging(
  trial: Trial,
  what: string,
  test: (parts: Wanted) => Promise<void>,
): Promise<boolean> {
  const { unplug = "the subject has no means" } = trial.subject;
  if (typeof unplug === "string") {
    trial.leaveOut(what, unplug);
    return false;
  }
  let removal: Promise<void> | undefined;
  try {
    await withBackend(trial, async (backend) => {
      const device = await backend.open(trial.subject.main.address);
      const methods = methodsOf(trial, device);
      const remove = () => (removal ??= unplug.remove());
      await untilRequest(device, remove);
      await test({ device, backend, methods, gone: remove() });
    });
  } finally {
    try {
      await removal;
    } finally {
      // Also after a removal that failed: later tests want the function.
      if (removal !== undefined) await unplug.restore();
    }
  }
  return true;
}

/** Has a device taken away, and waits until the system asks for it back, or takes it without asking. */
async function untilRequest(device: BackendDevice, remove: () => Promise<void>): Promise<void> {
  if (device.irqInfo("req").count === 0) return remove();
  using target = device.createIrqTarget();
  device.setIrqs("req", 0, [target]);
  const removal = remove();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const request = new Promise<void>((resolve, reject) => {
    const late = new ConformanceError(`no request for the device within ${PATIENCE_MS} ms`);
    timer = setTimeout(reject, PATIENCE_MS, late);
    target.listen(() => resolve());
  });
  try {
    await Promise.race([request, removal]);
  } finally {
    clearTimeout(timer);
  }
}

/** Every method of a device that the system wants back, which goes on working. */
async function tryWanted(trial: Trial, { device, methods }: Wanted): Promise<void> {
  decode(device);
  for (const { what, call, open, wanted = open } of methods) {
    trial.expect(`${what}, wanted back`, () => call(device), wanted);
  }
  for (const { what, call, open, wanted = open } of promises) {
    await trial.expectAsync(`${what}, wanted back`, () => call(device), wanted);
  }
  using bar = device.mapRegion(trial.subject.main.bar);
  trial.expect("mapped read, wanted back", () => bar.read32(0), "ok");
  trial.expect("mapped write, wanted back", () => bar.write32(0, bar.read32(0)), "ok");
  const ids = device.region(regionIndex.config).read32(0);
  trial.observe("its ids, wanted back", ids, trial.subject.main.ids);
}

/** Every method of a device that was closed, and is gone. */
async function tryGone(trial: Trial, { device, methods, backend }: Wanted): Promise<void> {
  const { address } = trial.subject.main;
  for (const { what, call, closed = "ERR_CLOSED" } of methods) {
    trial.expect(`${what}, unplugged`, () => call(device), closed);
  }
  for (const { what, call } of promises) {
    await trial.expectAsync(`${what}, unplugged`, () => call(device), "ERR_CLOSED");
  }
  const close = [() => device.close(), () => device.closeSync()] as const;
  await trial.expectBoth("close(), unplugged", ...close, "ok");
  const open = [() => backend.open(address), () => backend.openSync(address)] as const;
  await trial.expectBoth("open, unplugged", ...open, "ERR_NO_DEVICE");
}

/** What is left of a device when the system takes it away. */
export const unplugTests: Chapter = {
  "every method while the system wants the device back": async (trial) => {
    await whileUnplugging(trial, "a device that the system wants back", (wanted) => tryWanted(trial, wanted));
  },

  "every method after the device was unplugged": async (trial) => {
    await whileUnplugging(trial, "a device that was unplugged", async (wanted) => {
      const { device, gone } = wanted;
      decode(device);
      const bar = device.mapRegion(trial.subject.main.bar);
      await device.close();
      await gone;
      await tryGone(trial, wanted);
      trial.expect("mapped read, unplugged", () => bar.read32(0), "ERR_CLOSED");
    });
  },

  "a device that is plugged in again answers as before": async (trial) => {
    const what = "a device that is plugged in again";
    const done = await whileUnplugging(trial, what, async ({ device, gone }) => {
      await device.close();
      await gone;
    });
    if (!done) return;
    await withDevice(trial, (device) => {
      const ids = device.region(regionIndex.config).read32(0);
      trial.observe("its ids, plugged in again", ids, trial.subject.main.ids);
    });
  },
};
