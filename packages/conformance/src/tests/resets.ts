import type { Chapter } from "../suite.ts";
import { decode, withBackend, withDevice } from "./scene.ts";

/** Resets of the function, and of its bus. */
export const resetTests: Chapter = {
  "interrupts, mappings and registers survive a reset": (trial) =>
    withDevice(trial, async (device, backend) => {
      decode(device);
      using memory = backend.memory.alloc(device.domain.pageSize);
      using mapping = device.domain.mapSync(memory);
      using target = device.createIrqTarget();
      using bar = device.mapRegion(trial.subject.main.bar);
      device.setIrqs("msix", 0, [target]);
      await device.reset();
      device.triggerIrqs("msix", 0, 1);
      trial.observe("an interrupt after a reset", target.take(), 1);
      trial.observe("a mapping after a reset", mapping.closed, false);
      trial.expect("a mapped read after a reset", () => bar.read32(0), "ok");
      device.disableIrqs("msix");
      bar.close();
      mapping.unmapSync();
    }),

  "the functions that a hot reset hits are known before": (trial) =>
    withDevice(trial, (device) => {
      const { address } = trial.subject.main;
      if (!trial.subject.features.includes("hot-reset")) {
        trial.expect("hotResetInfo without a hot reset", () => device.hotResetInfo(), "ERR_NOT_SUPPORTED");
        return;
      }
      const found = device.hotResetInfo();
      trial.observe(
        "a hot reset hits the function itself",
        found.some((each) => each.address === address),
        true,
      );
      trial.observe(
        "its group is known",
        found.every(({ group }) => group >= 0),
        true,
      );
    }),

  "a function without a reset method says so": async (trial) => {
    const { withoutReset } = trial.subject;
    if (withoutReset === undefined) {
      trial.leaveOut("a function without a reset method", "the subject has none");
      return;
    }
    await withDevice(
      trial,
      async (device) => {
        await trial.expectBoth(
          "reset without a method",
          () => device.reset(),
          () => device.resetSync(),
          "ERR_NO_RESET",
        );
        trial.observe("the feature reset without a method", device.features?.has("reset") ?? false, false);
        const hot = [() => device.hotReset(), () => device.hotResetSync()] as const;
        if (device.features?.has("hot-reset") ?? false) return;
        await trial.expectBoth("hot reset without a method", ...hot, "ERR_NOT_SUPPORTED");
        trial.expect("hotResetInfo without a method", () => device.hotResetInfo(), "ERR_NOT_SUPPORTED");
      },
      withoutReset,
    );
  },

  "a hot reset wants every function that it hits, and holds all of them back": async (trial) => {
    const { pair } = trial.subject;
    if (pair === undefined) return trial.leaveOut("a hot reset of two functions", "the subject has no pair");
    const [first, second] = pair;
    await withBackend(trial, async (backend) => {
      const one = await backend.open(first.address);
      const hit = one.hotResetInfo().map(({ address }) => address);
      trial.observe("a hot reset hits the neighbour", hit.includes(second.address), true);
      const other = await backend.open(second.address, { domain: one.domain });
      const reset = one.hotReset();
      trial.expect("the neighbour during a hot reset", () => other.regionInfo(0), "ERR_RESETTING");
      trial.expect("the function during a hot reset", () => one.regionInfo(0), "ERR_RESETTING");
      await trial.expectAsync("hot reset of two functions", () => reset, "ok");
      trial.expect("the neighbour after a hot reset", () => other.regionInfo(0), "ok");
      await other.close();
      await trial.expectAsync("hot reset with the neighbour closed", () => one.hotReset(), "ok");
    });
  },
};
