import { strict as assert } from "node:assert";
import type { BackendDevice, IrqTarget } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

/** Long enough for an interrupt to arrive on a busy emulator, and to wait in vain, in milliseconds. */
const SOON = 2000;
const NEVER = 40;

function connect(device: BackendDevice): IrqTarget {
  const target = device.createIrqTarget();
  device.setIrqs("intx", 0, [target]);
  return target;
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "INTx fires once, and then not before it is unmasked": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      assert.deepEqual(device.irqInfo("intx"), {
        kind: "intx",
        count: 1,
        maskable: true,
        autoMasked: true,
        resizable: true,
      });
      using bar = startEdu(device);
      using target = connect(device);
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
      bar.write32(edu.RAISE, 2);
      assert.equal(target.waitSync(NEVER), 0, "masked when it fired");
      device.unmaskIrqs("intx", 0, 1);
      assert.equal(target.waitSync(SOON), 1, "the line was still asserted");
      bar.write32(edu.ACKNOWLEDGE, 2);
      device.unmaskIrqs("intx", 0, 1);
      assert.equal(target.waitSync(NEVER), 0, "acknowledged, so the line is down");
    },

    "INTx unmasked before it was acknowledged fires again": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      bar.write32(edu.RAISE, 1);
      for (let round = 0; round < 5; round++) {
        assert.equal(target.waitSync(SOON), 1);
        device.unmaskIrqs("intx", 0, 1);
      }
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
    },

    "a masked INTx fires when it is unmasked": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      device.maskIrqs("intx", 0, 1);
      device.maskIrqs("intx", 0, 1);
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(NEVER), 0);
      device.unmaskIrqs("intx", 0, 1);
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
    },

    "a signal on another target unmasks INTx, until that is taken away": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      using unmask = device.createIrqTarget();
      using second = device.createIrqTarget();
      device.setUnmaskTarget("intx", 0, unmask);
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(SOON), 1);
      unmask.signal();
      assert.equal(target.waitSync(SOON), 1, "not acknowledged, so it fires again");
      bar.write32(edu.ACKNOWLEDGE, 1);
      unmask.signal();
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(SOON), 1, "unmasked, so it fires");
      expectCode("ERR_IRQ_BUSY", () => device.setUnmaskTarget("intx", 0, second));
      device.setUnmaskTarget("intx", 0, null);
      unmask.signal();
      assert.equal(target.waitSync(NEVER), 0, "nobody listens to the signal any more");
      device.setUnmaskTarget("intx", 0, second);
      second.signal();
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
    },

    "an unmask target that is closed leaves INTx working": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      const unmask = device.createIrqTarget();
      device.setUnmaskTarget("intx", 0, unmask);
      unmask.close();
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
      device.unmaskIrqs("intx", 0, 1);
      expectCode("ERR_CLOSED", () => device.setUnmaskTarget("intx", 0, unmask));
    },

    "INTx is triggered, masked and unmasked by flags": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      device.actOnIrqs("trigger", "intx", 0, [false]);
      assert.equal(target.take(), 0);
      device.actOnIrqs("trigger", "intx", 0, [true]);
      assert.equal(target.take(), 1);
      device.actOnIrqs("mask", "intx", 0, [true]);
      bar.write32(edu.RAISE, 1);
      device.actOnIrqs("unmask", "intx", 0, [false]);
      assert.equal(target.waitSync(NEVER), 0);
      device.actOnIrqs("unmask", "intx", 0, [true]);
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
      device.actOnIrqs("mask", "intx", 0, [false]);
      device.unmaskIrqs("intx", 0, 1);
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(SOON), 1, "a false flag masked nothing");
      bar.write32(edu.ACKNOWLEDGE, 1);
    },

    "INTx is triggered without the device": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      using target = connect(device);
      device.triggerIrqs("intx", 0, 1);
      device.triggerIrqs("intx", 0, 1);
      assert.equal(target.take(), 2);
    },

    "INTx without a target, or with another one, stays enabled": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using first = connect(device);
      using second = device.createIrqTarget();
      device.setIrqs("intx", 0, [null]);
      bar.write32(edu.RAISE, 1);
      assert.equal(first.waitSync(NEVER), 0);
      bar.write32(edu.ACKNOWLEDGE, 1);
      device.unmaskIrqs("intx", 0, 1);
      device.setIrqs("intx", 0, [second]);
      bar.write32(edu.RAISE, 1);
      assert.equal(second.waitSync(SOON), 1);
      assert.equal(first.take(), 0);
      bar.write32(edu.ACKNOWLEDGE, 1);
    },

    "INTx that is off can neither be masked nor triggered, and says how to enable it": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = device.createIrqTarget();
      const calls = [
        () => device.maskIrqs("intx", 0, 1),
        () => device.unmaskIrqs("intx", 0, 1),
        () => device.triggerIrqs("intx", 0, 1),
        () => device.setUnmaskTarget("intx", 0, target),
        () => device.actOnIrqs("trigger", "intx", 0, [true]),
      ];
      for (const call of calls)
        assert.match(expectCode("ERR_NOT_SUPPORTED", call).hint!, /enable intx first/);
    },

    "INTx disabled is silent, and can be enabled again": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = connect(device);
      device.disableIrqs("intx");
      device.disableIrqs("intx");
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(NEVER), 0);
      bar.write32(edu.ACKNOWLEDGE, 1);
      device.setIrqs("intx", 0, [target]);
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(SOON), 1);
      bar.write32(edu.ACKNOWLEDGE, 1);
    },

    "INTx, MSI and MSI-X exclude each other": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.e1000e);
      using target = device.createIrqTarget();
      const kinds = ["intx", "msi", "msix"] as const;
      for (const kind of kinds) {
        device.setIrqs(kind, 0, [target]);
        for (const other of kinds) {
          if (other === kind) continue;
          const { hint } = expectCode("ERR_IRQ_BUSY", () => device.setIrqs(other, 0, [target]));
          assert.match(hint!, new RegExp(`disable ${kind} first`));
        }
        device.triggerIrqs(kind, 0, 1);
        assert.equal(target.waitSync(SOON), 1, `${kind} goes on`);
        device.disableIrqs(kind);
      }
    },

    "ERR and REQ go on beside any other kind": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.e1000e);
      using msix = device.createIrqTarget();
      device.setIrqs("msix", 0, [msix]);
      for (const kind of ["err", "req"] as const) {
        assert.equal(device.irqInfo(kind).count, 1);
        using target = device.createIrqTarget();
        device.setIrqs(kind, 0, [target]);
        device.triggerIrqs(kind, 0, 1);
        assert.equal(target.waitSync(SOON), 1);
        device.actOnIrqs("trigger", kind, 0, [true]);
        assert.equal(target.waitSync(SOON), 1);
        expectCode("ERR_NOT_SUPPORTED", () => device.maskIrqs(kind, 0, 1));
        device.setIrqs(kind, 0, [null]);
        device.disableIrqs(kind);
        device.disableIrqs(kind);
        device.setIrqs(kind, 0, [target]);
        device.disableIrqs(kind);
      }
      device.triggerIrqs("msix", 0, 1);
      assert.equal(msix.take(), 1);
    },

    "a device without PCI Express has no ERR, or one that never comes": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = device.createIrqTarget();
      const { count } = device.irqInfo("err");
      if (count === 0) {
        const { hint } = expectCode("ERR_IRQ_COUNT", () => device.setIrqs("err", 0, [target]));
        assert.match(hint!, /has no err/);
        return;
      }
      // Linux 7.3 counts one for every device.
      assert.equal(count, 1);
      device.setIrqs("err", 0, [target]);
      assert.equal(target.take(), 0);
      device.disableIrqs("err");
    },
  },
});
