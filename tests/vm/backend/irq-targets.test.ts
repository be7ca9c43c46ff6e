import { strict as assert } from "node:assert";
import { setTimeout } from "node:timers/promises";
import type { BackendDevice, IrqTarget } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode } from "../harness/expect.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

/** Resolves with the counts that a listener was given, once they add up to `sum`. */
function collect(target: IrqTarget, sum: number): Promise<number[]> {
  const counts: number[] = [];
  return new Promise((resolve) => {
    target.listen((count) => {
      counts.push(count);
      if (counts.reduce((a, b) => a + b) >= sum) resolve(counts);
    });
  });
}

function connect(device: BackendDevice): IrqTarget {
  const target = device.createIrqTarget();
  device.setIrqs("msi", 0, [target]);
  return target;
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "an interrupt calls the listener on the event loop": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      const arrived = collect(target, 1);
      bar.write32(edu.RAISE, 1);
      assert.deepEqual(await arrived, [1]);
    },

    "events that come while nobody listens are kept and counted": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = connect(device);
      for (let i = 0; i < 3; i++) device.triggerIrqs("msi", 0, 1);
      await setTimeout(5);
      assert.deepEqual(await collect(target, 3), [3]);
      target.unlisten();
      for (let i = 0; i < 2; i++) device.triggerIrqs("msi", 0, 1);
      await setTimeout(5);
      assert.equal(target.take(), 2);
      assert.equal(target.take(), 0);
    },

    "a target has one reader at a time": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = connect(device);
      target.listen(() => undefined);
      expectCode("ERR_IRQ_BUSY", () => target.listen(() => undefined));
      expectCode("ERR_IRQ_BUSY", () => target.take());
      expectCode("ERR_IRQ_BUSY", () => target.waitSync(0));
      target.unlisten();
      target.unlisten();
      assert.equal(target.take(), 0);
    },

    "a wait ends with the event, or with its time-out": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = connect(device);
      const before = performance.now();
      assert.equal(target.waitSync(60), 0);
      const waited = performance.now() - before;
      assert.ok(waited >= 59 && waited < 10_000, `${waited} ms`);
      assert.equal(target.waitSync(0), 0);
      device.triggerIrqs("msi", 0, 1);
      assert.equal(target.waitSync(60_000), 1);
      expectCode("ERR_OUT_OF_RANGE", () => target.waitSync(-1));
      expectCode("ERR_INVALID_ARGUMENT", () => target.waitSync(Number.NaN));
    },

    "a target signals by itself, as the device would": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = device.createIrqTarget();
      target.signal();
      target.signal(41);
      assert.equal(target.take(), 42);
      expectCode("ERR_OUT_OF_RANGE", () => target.signal(0));
    },

    "a closed target, or one of somebody else, enables nothing": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const closed = device.createIrqTarget();
      closed.close();
      closed.close();
      using good = device.createIrqTarget();
      const foreign = { ...good, [Symbol.dispose]: () => undefined } as unknown as IrqTarget;
      expectCode("ERR_CLOSED", () => device.setIrqs("msix", 0, [good, closed]));
      expectCode("ERR_INVALID_ARGUMENT", () => device.setIrqs("msix", 0, [good, foreign]));
      expectCode("ERR_NOT_SUPPORTED", () => device.triggerIrqs("msix", 0, 1));
      device.setIrqs("intx", 0, [good]);
      device.disableIrqs("intx");
      device.setIrqs("msix", 0, [good]);
      expectCode("ERR_CLOSED", () => device.setIrqs("msix", 0, [closed]));
      device.triggerIrqs("msix", 0, 1);
      assert.equal(good.take(), 1, "the vector kept its target");
    },

    "after its close a target says so, and the vector goes on without it": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      const target = connect(device);
      target.listen(() => undefined);
      target.close();
      assert.equal(target.closed, true);
      const calls = [
        () => target.listen(() => undefined),
        () => target.take(),
        () => target.waitSync(0),
        () => target.signal(),
      ];
      for (const call of calls) expectCode("ERR_CLOSED", call);
      target.unlisten();
      target.ref(false);
      bar.write32(edu.RAISE, 1);
      device.triggerIrqs("msi", 0, 1);
      using next = connect(device);
      bar.write32(edu.RAISE, 2);
      assert.ok(next.waitSync(2000) >= 1);
    },

    "a target outlives its device, with the events that had arrived": () => {
      using backend = kernelBackend();
      const device = backend.openSync(at.edu);
      using target = connect(device);
      device.triggerIrqs("msi", 0, 1);
      device.closeSync();
      assert.equal(target.take(), 1);
      assert.equal(target.waitSync(10), 0);
    },

    "a listener that does not keep the process alive still listens": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = connect(device);
      target.ref(false);
      const arrived = collect(target, 1);
      device.triggerIrqs("msi", 0, 1);
      assert.deepEqual(await arrived, [1]);
    },

    "no descriptor is left when targets are closed": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const before = holdings();
      for (let i = 0; i < 100; i++) {
        const target = connect(device);
        target.listen(() => undefined);
        target.close();
      }
      assert.deepEqual(holdings(), before);
    },
  },
});
