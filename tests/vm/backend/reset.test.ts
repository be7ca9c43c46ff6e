import { strict as assert } from "node:assert";
import { type BackendDevice, type OwnedRegion, regionIndex } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

/** Interrupt mask registers, which a reset clears: NVMe base specification 3.1.3.3, 82574 datasheet 10.2.4.5. */
const NVME_INTMS = 0x0c;
const INTEL_IMS = 0xd0;
const COMMAND = 0x04;

function start(device: BackendDevice): OwnedRegion {
  device.region(regionIndex.config).write16(COMMAND, 0b110);
  return device.mapRegion(0);
}

/** Sets a mask that a reset clears, and returns what checks whether it was cleared. */
function mark(bar: OwnedRegion, register: number): () => boolean {
  bar.write32(register, 4);
  assert.equal(bar.read32(register), 4);
  return () => bar.read32(register) === 0;
}

/** Everything that must wait for a reset to end. */
function touches(device: BackendDevice, bar: OwnedRegion): (() => unknown)[] {
  const called = device.region(0);
  const config = device.region(regionIndex.config);
  return [
    () => bar.read8(0),
    () => bar.read32(0),
    () => bar.write32(NVME_INTMS, 0),
    () => called.read32(0),
    () => called.write64(0, 0n),
    () => config.read16(0),
    () => config.write16(COMMAND, 0),
  ];
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "a reset brings registers back to their reset state": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const bar = start(device);
      const wasReset = mark(bar, NVME_INTMS);
      device.resetSync();
      assert.ok(wasReset());
      assert.equal(device.region(regionIndex.config).read16(COMMAND) & 6, 6, "config space was restored");
    },

    "a reset leaves the event loop turning, and refuses to touch the device meanwhile": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const bar = start(device);
      const wasReset = mark(bar, NVME_INTMS);
      const calls = touches(device, bar);
      let turns = 0;
      const timer = setInterval(() => turns++, 5);
      const reset = device.reset();
      for (const call of calls) expectCode("ERR_RESETTING", call);
      expectCode("ERR_RESETTING", () => device.resetSync());
      await expectRejection("ERR_RESETTING", () => device.reset());
      await expectRejection("ERR_RESETTING", () => device.hotReset());
      await reset;
      clearInterval(timer);
      // A function level reset takes 100 ms (PCI Express base specification, section 6.6.2).
      assert.ok(turns > 0, `${turns} turns`);
      assert.ok(wasReset());
      assert.equal(device.region(regionIndex.config).read16(0), 0x1b36);
    },

    "interrupts and mappings survive a reset": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      using memory = backend.memory.alloc(4096);
      const mapping = device.domain.mapSync(memory);
      using target = device.createIrqTarget();
      device.setIrqs("msix", 0, [target]);
      await device.reset();
      device.triggerIrqs("msix", 0, 1);
      assert.equal(target.take(), 1);
      assert.equal(mapping.closed, false);
      mapping.unmapSync();
    },

    "interrupts disabled during a reset are disabled when it is over": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      using target = device.createIrqTarget();
      device.setIrqs("msix", 0, [target]);
      const reset = device.reset();
      device.disableIrqs("msix");
      device.disableIrqs("msix");
      expectCode("ERR_RESETTING", () => device.setIrqs("intx", 0, [target]));
      await reset;
      expectCode("ERR_NOT_SUPPORTED", () => device.triggerIrqs("msix", 0, 1));
      device.setIrqs("intx", 0, [target]);
    },

    "a device whose reset is by power management works on": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.e1000e);
      assert.equal(device.info.resettable, true);
      const bar = start(device);
      using target = device.createIrqTarget();
      device.setIrqs("msi", 0, [target]);
      for (const reset of [() => device.resetSync(), () => device.reset()]) {
        await reset();
        // The interrupt is the device's own: cause set register, and a read of the cause register clears it.
        bar.write32(INTEL_IMS, 4);
        bar.write32(0xc8, 4);
        assert.ok(target.waitSync(2000) >= 1);
        assert.equal(bar.read32(0xc0) & 4, 4);
      }
    },

    "a device without a reset method says so": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      assert.equal(device.info.resettable, false);
      expectCode("ERR_NO_RESET", () => device.resetSync());
      await expectRejection("ERR_NO_RESET", () => device.reset());
      assert.equal(device.region(regionIndex.config).read16(0), 0x1234, "and is not kept from use by it");
    },

    "the functions that a hot reset hits are known before": () => {
      using backend = kernelBackend();
      using nvme = backend.openSync(at.nvme);
      assert.deepEqual(
        nvme.hotResetInfo().map(({ address }) => address),
        [at.nvme],
      );
      using paired = backend.openSync(at.pairedEdu);
      const dependents = paired.hotResetInfo();
      assert.deepEqual(
        dependents.map(({ address }) => address),
        [at.pairedEdu, at.pairedE1000],
      );
      assert.equal(new Set(dependents.map(({ group }) => group)).size, 1);
    },

    "the root bus cannot be reset": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      expectCode("ERR_NOT_SUPPORTED", () => device.hotResetInfo());
      expectCode("ERR_NOT_SUPPORTED", () => device.hotResetSync());
      await expectRejection("ERR_NOT_SUPPORTED", () => device.hotReset());
      assert.equal(device.region(regionIndex.config).read16(0), 0x1234);
    },

    "a hot reset brings registers back to their reset state": async () => {
      using backend = kernelBackend();
      for (const [address, register] of [
        [at.nvme, NVME_INTMS],
        [at.e1000e, INTEL_IMS],
      ] as const) {
        using device = backend.openSync(address);
        const bar = start(device);
        const wasReset = mark(bar, register);
        device.hotResetSync();
        assert.ok(wasReset(), address);
        mark(bar, register);
        const reset = device.hotReset();
        expectCode("ERR_RESETTING", () => bar.read32(register));
        await reset;
        assert.ok(wasReset(), address);
      }
    },

    "a hot reset hits all functions of the bus, open or not": async () => {
      using backend = kernelBackend();
      using edu = backend.openSync(at.pairedEdu);
      edu.hotResetSync();
      using nic = backend.openSync(at.pairedE1000, { domain: edu.domain });
      const bar = start(nic);
      const wasReset = mark(bar, INTEL_IMS);
      await edu.hotReset();
      assert.ok(wasReset());
      assert.equal(edu.region(regionIndex.config).read16(0), 0x1234);
    },

    "a device closed while it is being reset can be opened again": async () => {
      using backend = kernelBackend();
      const device = await backend.open(at.nvme);
      const bar = start(device);
      const reset = device.reset();
      await device.close();
      assert.equal(device.closed, true);
      expectCode("ERR_CLOSED", () => bar.read32(0));
      await reset;
      await expectRejection("ERR_CLOSED", () => device.reset());
      using again = backend.openSync(at.nvme);
      assert.equal(again.region(regionIndex.config).read16(0), 0x1b36);
    },

    "a device that another call resets or closes is not closed under that call": async () => {
      using backend = kernelBackend();
      const device = await backend.open(at.nvme);
      const reset = device.reset();
      expectCode("ERR_BUSY", () => device.closeSync());
      await reset;
      const closing = device.close();
      expectCode("ERR_BUSY", () => device.closeSync());
      assert.equal(device.closed, false, "the descriptor is still open");
      await closing;
      device.closeSync();
      assert.equal(device.closed, true);
    },

    "every function that a hot reset hits is held back until it is over": async () => {
      using backend = kernelBackend();
      using first = await backend.open(at.pairedEdu);
      using second = await backend.open(at.pairedE1000, { domain: first.domain });
      const affected = first.hotResetInfo().map(({ address }) => address);
      assert.ok(affected.includes(at.pairedE1000), `affected: ${affected.join(", ")}`);
      const reset = first.hotReset();
      expectCode("ERR_RESETTING", () => second.region(regionIndex.config).read16(0));
      expectCode("ERR_RESETTING", () => first.region(regionIndex.config).read16(0));
      await reset;
      assert.equal(second.region(regionIndex.config).read16(0), 0x8086);
    },
  },
});
