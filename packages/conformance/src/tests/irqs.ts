import { irqKinds } from "@userpci/interface";
import type { Chapter } from "../suite.ts";
import { withDevice } from "./scene.ts";

/** Interrupts, fired by loop-back. */
export const irqTests: Chapter = {
  "a function has the vectors that it has": (trial) =>
    withDevice(trial, (device) => {
      for (const kind of irqKinds) {
        const { count, autoMasked, maskable } = device.irqInfo(kind);
        trial.observe(`vectors of ${kind}`, count, trial.subject.main.vectors[kind]);
        // What a kind without a vector is said to do is nobody's concern: the kernel says of INTx the same with and without.
        const there = count > 0;
        const intx = there && kind === "intx";
        trial.observe(`${kind} is masked when it fires`, there && autoMasked, intx);
        trial.observe(`${kind} can be masked`, there && maskable, intx);
      }
    }),

  "loop-back events arrive on the vector that was fired, and none is lost": (trial) =>
    withDevice(trial, (device) => {
      const targets = [0, 1, 2].map(() => device.createIrqTarget());
      device.setIrqs("msix", 0, targets);
      for (let i = 0; i < 1000; i++) device.triggerIrqs("msix", 1, 2);
      const taken = targets.map((target) => target.take());
      trial.observe("events on three vectors", taken, [0, 1000, 1000]);
      trial.observe("waitSync without an event", targets[0]!.waitSync(1), 0);
      device.triggerIrqs("msix", 0, 1);
      trial.observe("waitSync with one", targets[0]!.waitSync(1000), 1);
      device.disableIrqs("msix");
      trial.expect("trigger after disable", () => device.triggerIrqs("msix", 0, 1), "ERR_NOT_SUPPORTED");
      for (const target of targets) target.close();
    }),

  "an event arrives at a listener": (trial) =>
    withDevice(trial, async (device) => {
      using target = device.createIrqTarget();
      device.setIrqs("msix", 0, [target]);
      const arrived = new Promise<number>((resolve) => target.listen(resolve));
      trial.expect("a second listener", () => target.listen(() => undefined), "ERR_IRQ_BUSY");
      device.triggerIrqs("msix", 0, 1);
      trial.observe("events at the listener", await arrived, 1);
      target.unlisten();
      target.signal(3);
      trial.observe("events after unlisten, taken", target.take(), 3);
      device.disableIrqs("msix");
    }),

  "kinds exclude each other, and a refusal leaves nothing half enabled": (trial) =>
    withDevice(trial, (device) => {
      using target = device.createIrqTarget();
      const { msix } = trial.subject.main.vectors;
      const many = Array.from({ length: msix + 1 }, () => target);
      trial.expect("more vectors than there are", () => device.setIrqs("msix", 0, many), "ERR_IRQ_COUNT");
      trial.expect("a negative vector", () => device.setIrqs("msix", -1, [target]), "ERR_OUT_OF_RANGE");
      trial.expect(
        "a vector that is no integer",
        () => device.setIrqs("msix", 0.5, [target]),
        "ERR_INVALID_ARGUMENT",
      );
      trial.expect(
        "targets that are no array",
        () => device.setIrqs("msix", 0, target as never),
        "ERR_INVALID_ARGUMENT",
      );
      device.setIrqs("msix", 0, [target]);
      if (trial.subject.main.vectors.intx > 0) {
        trial.expect("INTx beside MSI-X", () => device.setIrqs("intx", 0, [target]), "ERR_IRQ_BUSY");
        device.disableIrqs("msix");
        trial.expect("INTx after MSI-X", () => device.setIrqs("intx", 0, [target]), "ok");
        device.disableIrqs("intx");
      }
    }),

  "vectors are added live where that is possible": (trial) =>
    withDevice(trial, (device) => {
      using first = device.createIrqTarget();
      using second = device.createIrqTarget();
      device.setIrqs("msix", 0, [first]);
      const { resizable } = device.irqInfo("msix");
      trial.observe(
        "resizable is the feature msix-resize",
        device.features?.has("msix-resize") ?? false,
        resizable,
      );
      const outcome = resizable ? "ok" : "ERR_NOT_SUPPORTED";
      trial.expect("a vector added live", () => device.setIrqs("msix", 1, [second]), outcome);
      device.triggerIrqs("msix", 0, 1);
      trial.observe("the first vector is unharmed", first.take(), 1);
      device.disableIrqs("msix");
    }),

  "INTx is masked when it fires, and unmasked by call": async (trial) => {
    if (trial.subject.main.vectors.intx === 0) {
      trial.leaveOut("INTx", "the subject's main function has none");
      return;
    }
    await withDevice(trial, async (device) => {
      using target = device.createIrqTarget();
      device.setIrqs("intx", 0, [target]);
      device.triggerIrqs("intx", 0, 1);
      trial.observe("INTx by loop-back", target.take(), 1);
      const reset = device.reset();
      trial.expect("unmask INTx during a reset", () => device.unmaskIrqs("intx", 0, 1), "ok");
      await trial.expectAsync("the reset with INTx unmasked meanwhile", () => reset, "ok");
      trial.expect("mask INTx", () => device.maskIrqs("intx", 0, 1), "ok");
      trial.expect("unmask INTx", () => device.unmaskIrqs("intx", 0, 1), "ok");
      trial.expect("unmask INTx by a target", () => device.setUnmaskTarget("intx", 0, target), "ok");
      trial.expect("unmask INTx by two", () => device.setUnmaskTarget("intx", 0, target), "ERR_IRQ_BUSY");
      trial.expect("unmask INTx by none", () => device.setUnmaskTarget("intx", 0, null), "ok");
      device.disableIrqs("intx");
    });
  },

  "a closed target says so": (trial) =>
    withDevice(trial, (device) => {
      const target = device.createIrqTarget();
      target.close();
      trial.expect("close of a closed target", () => target.close(), "ok");
      trial.observe("target.closed", target.closed, true);
      trial.expect("take of a closed target", () => target.take(), "ERR_CLOSED");
      trial.expect("waitSync of a closed target", () => target.waitSync(0), "ERR_CLOSED");
      trial.expect("signal of a closed target", () => target.signal(), "ERR_CLOSED");
      trial.expect("listen at a closed target", () => target.listen(() => undefined), "ERR_CLOSED");
      trial.expect("setIrqs with a closed target", () => device.setIrqs("msix", 0, [target]), "ERR_CLOSED");
    }),
};
