import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createDomain, openDevice, openDeviceSync, type PciDevice, vfioGroup } from "userpci";
import { expectCode, expectRejection } from "./harness/expect.ts";
import { holdings } from "./harness/process.ts";
import { guestSuite } from "./harness/suite.ts";
import { at } from "./machines.ts";

const MIB = 2 ** 20;

/** Opens and forgets a device; nothing of it is reachable when this returns. */
function forget(): void {
  const device = openDeviceSync(at.e1000e);
  device.config.command.update({ memory: true });
}

/** Everything of a device that needs it to be open, each in a call. */
function callsOf(device: PciDevice): (() => unknown)[] {
  return [
    () => device.config.vendorId,
    () => device.bar(0),
    () => device.rom(),
    () => device.dma.allocSync(4096),
    () => device.irqs.info("msi"),
    () => device.irqs.enable("msi"),
    () => device.resetSync(),
    () => device.hotResetInfo(),
  ];
}

function promisesOf(device: PciDevice): (() => Promise<unknown>)[] {
  return [() => device.dma.alloc(4096), () => device.reset(), () => device.hotReset()];
}

await guestSuite(import.meta.url, {
  nodeFlags: ["--expose-gc"],
  tests: {
    "a device opens by the public API and is what its configuration says": async () => {
      await using device = await openDevice("01:00.0");
      assert.equal(device.address, at.nvme);
      assert.equal(device.closed, false);
      assert.equal(device.info.resettable, true);
      assert.equal(device.config.vendorId, 0x1b36);
      assert.equal(device.config.classCode, 0x010802);
      assert.equal(device.bar(0).size, 16384);
      device.config.command.update({ memory: true });
      assert.equal(device.bar(0).map().read32(8), device.bar(0).region().read32(8));
    },

    "closing a device gives everything back that was made of it": async () => {
      openDeviceSync(at.edu).closeSync();
      const before = holdings();
      for (const close of [(d: PciDevice) => d.close(), async (d: PciDevice) => d.closeSync()]) {
        const device = await openDevice(at.edu);
        device.config.command.update({ memory: true, busMaster: true });
        const registers = device.bar(0).map();
        const buffer = await device.dma.alloc(4096);
        const bytes = buffer.bytes;
        const irqs = device.irqs.enable("msi");
        const pending = expectRejection("ERR_CLOSED", () => irqs.at(0).wait());
        await close(device);
        await pending;
        assert.deepEqual([device.closed, irqs.closed, buffer.closed], [true, true, true]);
        assert.equal(bytes.length, 0, "a view of freed memory is empty");
        for (const call of [
          () => registers.read32(0),
          () => buffer.iova,
          () => buffer.bytes,
          () => irqs.at(0),
        ]) {
          expectCode("ERR_CLOSED", call);
        }
        await device.close();
        device.closeSync();
      }
      assert.deepEqual(holdings(), before);
    },

    "after close every call says so": async () => {
      const device = await openDevice(at.e1000e);
      await device.close();
      for (const call of callsOf(device)) expectCode("ERR_CLOSED", call);
      for (const call of promisesOf(device)) await expectRejection("ERR_CLOSED", call);
    },

    "closing in the middle of an allocation undoes it": async () => {
      const device = await openDevice(at.edu);
      const allocation = expectRejection("ERR_CLOSED", () => device.dma.alloc(32 * MIB));
      await device.close();
      await allocation;
      assert.equal(holdings().pinned, 0);
      assert.equal(holdings().mappings, 0);
    },

    "closing in the middle of a reset waits for it": async () => {
      const device = await openDevice(at.nvme);
      const irqs = device.irqs.enable("msix", { count: 2 });
      await device.dma.alloc(4096);
      const reset = device.reset();
      await device.close();
      await reset;
      assert.deepEqual([device.closed, irqs.closed], [true, true]);
      assert.equal(holdings().pinned, 0);
      await (await openDevice(at.nvme)).close();
    },

    "a synchronous close in the middle of a reset refuses, and everything goes on": async () => {
      const device = await openDevice(at.nvme);
      const irqs = device.irqs.enable("msix", { count: 2 });
      const buffer = await device.dma.alloc(4096);
      const reset = device.reset();
      expectCode("ERR_BUSY", () => device.closeSync());
      await reset;
      assert.deepEqual([device.closed, irqs.closed, buffer.closed], [false, false, false]);
      const event = irqs.at(1).wait({ timeoutMs: 1000 });
      irqs.at(1).trigger();
      assert.equal(await event, 1);
      device.closeSync();
      assert.deepEqual([device.closed, irqs.closed, buffer.closed], [true, true, true]);
    },

    "two devices share a domain, and what one maps stays until it is closed": async () => {
      await using backend = vfioGroup();
      await using domain = createDomain();
      const first = await openDevice(at.edu, { backend, domain });
      const second = await openDevice(at.nvme, { backend, domain });
      const mine = await first.dma.alloc(4096, { label: "mine" });
      const other = await second.dma.alloc(4096, { label: "other" });
      assert.deepEqual(
        [...domain.mappings()].map(({ label }) => label),
        ["mine", "other"],
      );
      await first.close();
      assert.equal(mine.closed, true);
      assert.equal(other.closed, false, "closing one leaves what the other mapped");
      assert.equal(domain.attached, 1);
      await expectRejection("ERR_DOMAIN_IN_USE", () => domain.close());
      await second.close();
      assert.deepEqual([...domain.mappings()], []);
      assert.equal(holdings().pinned, 0);
    },

    "memory of one's own is mapped for a device and outlives it": async () => {
      const device = await openDevice(at.edu);
      using memory = device.backendDevice.memory.alloc(2 * 4096);
      const buffer = await device.dma.map(memory, { offset: 4096, direction: "to-device" });
      assert.equal(buffer.size, 4096);
      expectCode("ERR_BUSY", () => memory.close());
      await device.close();
      new Uint8Array(memory.buffer).fill(1);
      memory.close();
    },

    "a refused open leaves the device free": async () => {
      await expectRejection("ERR_OUT_OF_RANGE", () => openDevice(at.edu, { dmaBits: 65 }));
      await expectRejection("ERR_NO_RESET", () => openDevice(at.edu, { requireReset: true }));
      await expectRejection("ERR_INVALID_ARGUMENT", () => openDevice(at.edu, { vfToken: "x" }));
      await (await openDevice(at.edu)).close();
    },

    "a backend that does not exist is refused with those that do": async () => {
      process.env["USERPCI_BACKEND"] = "vfio-gropu";
      try {
        // The default backend of this process may be made already; it must not hide the mistake.
        const { hint } = await expectRejection("ERR_INVALID_ARGUMENT", () => openDevice(at.edu));
        assert.match(hint!, /vfio-group/);
      } finally {
        delete process.env["USERPCI_BACKEND"];
      }
    },

    "a device that was forgotten open is reported": async () => {
      forget();
      const warned = once(process, "warning");
      const timer = setInterval(() => (globalThis as { gc?: () => void }).gc!(), 10);
      const [warning] = await warned;
      clearInterval(timer);
      assert.equal(warning.code, "USERPCI_LEAK");
      assert.match(warning.message, /0000:02:00\.0 was left open/);
      // It stays open until the process ends, as the warning says.
      await expectRejection("ERR_DEVICE_BUSY", () => openDevice(at.e1000e));
    },
  },
});
