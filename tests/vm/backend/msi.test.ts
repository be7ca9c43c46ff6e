import { strict as assert } from "node:assert";
import type { BackendDevice, IrqTarget } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { edu, startEdu } from "../harness/edu-registers.ts";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

const SOON = 2000;
const NEVER = 40;
/** The vectors of QEMU's NVMe controller. */
const VECTORS = 65;

const targetsOf = (device: BackendDevice, count: number): IrqTarget[] =>
  Array.from({ length: count }, () => device.createIrqTarget());

const closeAll = (targets: readonly IrqTarget[]): void => {
  for (const target of targets) target.close();
};

/** Fires `vectors` one by one and checks that each reaches its own target and no other. */
function checkEach(device: BackendDevice, targets: ReadonlyMap<number, IrqTarget>): void {
  for (const [vector, target] of targets) {
    device.triggerIrqs("msix", vector, 1);
    assert.equal(target.waitSync(SOON), 1, `vector ${vector}`);
    for (const [other, idle] of targets) assert.equal(idle.take(), 0, `vector ${other} by ${vector}`);
  }
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "an MSI of the device arrives as an event": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      assert.equal(device.irqInfo("msi").count, 1);
      using bar = startEdu(device);
      using target = device.createIrqTarget();
      device.setIrqs("msi", 0, [target]);
      for (let round = 1; round <= 3; round++) {
        bar.write32(edu.RAISE, round);
        // The device may coalesce, so only that something came is certain.
        assert.ok(target.waitSync(SOON) >= 1, `raise ${round}`);
        bar.write32(edu.ACKNOWLEDGE, round);
      }
      assert.equal(target.waitSync(NEVER), 0);
    },

    "an MSI raised while bus mastering is off never arrives": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = device.createIrqTarget();
      device.setIrqs("msi", 0, [target]);
      const config = device.region(7);
      config.write16(4, 0b010);
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(NEVER), 0);
      bar.write32(edu.ACKNOWLEDGE, 1);
      config.write16(4, 0b110);
      bar.write32(edu.RAISE, 1);
      assert.ok(target.waitSync(SOON) >= 1);
    },

    "an MSI can be triggered without the device, by count and by flag": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using target = device.createIrqTarget();
      device.setIrqs("msi", 0, [target]);
      device.triggerIrqs("msi", 0, 1);
      device.actOnIrqs("trigger", "msi", 0, [true]);
      device.actOnIrqs("trigger", "msi", 0, [false]);
      assert.equal(target.take(), 2);
    },

    "MSI and MSI-X cannot be masked, and say so": () => {
      using backend = kernelBackend();
      for (const [address, kind] of [
        [at.edu, "msi"],
        [at.nvme, "msix"],
      ] as const) {
        using device = backend.openSync(address);
        using target = device.createIrqTarget();
        assert.equal(device.irqInfo(kind).maskable, false);
        device.setIrqs(kind, 0, [target]);
        const calls = [
          () => device.maskIrqs(kind, 0, 1),
          () => device.unmaskIrqs(kind, 0, 1),
          () => device.actOnIrqs("mask", kind, 0, [true]),
          () => device.setUnmaskTarget(kind, 0, target),
        ];
        for (const call of calls) expectCode("ERR_NOT_SUPPORTED", call);
        device.triggerIrqs(kind, 0, 1);
        assert.equal(target.take(), 1, "it goes on all the same");
      }
    },

    "MSI disabled is silent, and can be enabled again": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      using bar = startEdu(device);
      using target = device.createIrqTarget();
      device.disableIrqs("msi");
      device.setIrqs("msi", 0, [target]);
      device.disableIrqs("msi");
      device.disableIrqs("msi");
      bar.write32(edu.RAISE, 1);
      assert.equal(target.waitSync(NEVER), 0);
      bar.write32(edu.ACKNOWLEDGE, 1);
      expectCode("ERR_NOT_SUPPORTED", () => device.triggerIrqs("msi", 0, 1));
      device.setIrqs("msi", 0, [target]);
      bar.write32(edu.RAISE, 1);
      assert.ok(target.waitSync(SOON) >= 1);
    },

    "MSI vectors cannot be added while others are enabled, and those go on": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.usb);
      const { count, resizable } = device.irqInfo("msi");
      assert.ok(count >= 4, `${count} vectors`);
      assert.equal(resizable, false);
      const targets = targetsOf(device, 4);
      device.setIrqs("msi", 0, targets.slice(0, 2));
      const { hint } = expectCode("ERR_NOT_SUPPORTED", () => device.setIrqs("msi", 2, targets.slice(2)));
      assert.match(hint!, /disable the kind/);
      device.triggerIrqs("msi", 0, 2);
      assert.deepEqual(
        targets.map((target) => target.take()),
        [1, 1, 0, 0],
      );
      device.disableIrqs("msi");
      device.setIrqs("msi", 0, targets);
      device.triggerIrqs("msi", 0, 4);
      assert.deepEqual(
        targets.map((target) => target.take()),
        [1, 1, 1, 1],
      );
      closeAll(targets);
    },

    "each MSI-X vector has an event of its own": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      assert.equal(device.irqInfo("msix").count, VECTORS);
      const targets = targetsOf(device, VECTORS);
      device.setIrqs("msix", 0, targets);
      checkEach(device, new Map(targets.entries()));
      closeAll(targets);
    },

    "MSI-X flags trigger those vectors that are true": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const targets = targetsOf(device, 4);
      device.setIrqs("msix", 0, targets);
      device.actOnIrqs("trigger", "msix", 1, [true, false, true]);
      assert.deepEqual(
        targets.map((target) => target.take()),
        [0, 1, 0, 1],
      );
      closeAll(targets);
    },

    "MSI-X may start at any vector": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const [third, fourth, last] = targetsOf(device, 3);
      device.setIrqs("msix", 3, [third!, fourth!]);
      checkEach(
        device,
        new Map([
          [3, third!],
          [4, fourth!],
        ]),
      );
      device.disableIrqs("msix");
      device.setIrqs("msix", VECTORS - 1, [last!]);
      checkEach(device, new Map([[VECTORS - 1, last!]]));
      closeAll([third!, fourth!, last!]);
    },

    "MSI-X vectors are disconnected and connected while others go on": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      assert.equal(device.irqInfo("msix").resizable, true, "Linux 6.4 and later");
      const [a, b, c, d] = targetsOf(device, 4);
      device.setIrqs("msix", 0, [a!, null, c!]);
      device.triggerIrqs("msix", 0, 3);
      assert.deepEqual([a!.take(), b!.take(), c!.take()], [1, 0, 1]);
      device.setIrqs("msix", 0, [null]);
      device.setIrqs("msix", 1, [b!]);
      device.setIrqs("msix", 9, [d!]);
      device.triggerIrqs("msix", 0, 10);
      assert.deepEqual([a!.take(), b!.take(), c!.take(), d!.take()], [0, 1, 1, 1]);
      closeAll([a!, b!, c!, d!]);
    },

    "a count past the table is refused, and nothing is enabled": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const targets = targetsOf(device, VECTORS + 1);
      const error = expectCode("ERR_IRQ_COUNT", () => device.setIrqs("msix", 0, targets));
      assert.match(error.message, /65 vectors/);
      expectCode("ERR_IRQ_COUNT", () => device.setIrqs("msix", VECTORS, targets.slice(0, 1)));
      expectCode("ERR_IRQ_COUNT", () => device.setIrqs("msix", VECTORS - 1, targets.slice(0, 2)));
      expectCode("ERR_OUT_OF_RANGE", () => device.setIrqs("msix", -1, targets.slice(0, 1)));
      expectCode("ERR_OUT_OF_RANGE", () => device.setIrqs("msix", 2 ** 32, targets.slice(0, 1)));
      expectCode("ERR_INVALID_ARGUMENT", () => device.setIrqs("msix", 0.5, targets.slice(0, 1)));
      expectCode("ERR_OUT_OF_RANGE", () => device.setIrqs("msix", 0, []));
      expectCode("ERR_IRQ_COUNT", () => device.triggerIrqs("msix", 0, VECTORS + 1));
      expectCode("ERR_IRQ_COUNT", () => device.setIrqs("msi", 0, targets.slice(0, 1)));
      device.setIrqs("intx", 0, targets.slice(0, 1));
      closeAll(targets);
    },
  },
});
