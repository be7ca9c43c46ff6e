import { strict as assert } from "node:assert";
import { type BackendDevice, irqKinds, regionIndex } from "@userpci/interface";
import { backendName, kernelBackend } from "../harness/backend.ts";
import { startEdu, transfer } from "../harness/edu-registers.ts";
import { expectCode, expectRejection } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "a function opens by its full or short address and says what it is": async () => {
      await using backend = kernelBackend();
      for (const address of [at.edu, "00:04.0"]) {
        await using device = await backend.open(address);
        assert.equal(device.address, at.edu);
        assert.equal(device.backend, backendName);
        assert.deepEqual(device.info, { regions: 9, irqs: 5, resettable: false });
        assert.equal(device.region(regionIndex.config).read32(0), 0x11e8_1234);
      }
    },

    "an address that does not exist is named, with those there are": () => {
      using backend = kernelBackend();
      const error = expectCode("ERR_NO_DEVICE", () => backend.openSync("0000:00:1e.7"));
      assert.match(error.message, /0000:00:1e\.7/);
      expectCode("ERR_INVALID_ARGUMENT", () => backend.openSync("not an address"));
    },

    "a function on another driver is refused with the command that binds it": () => {
      using backend = kernelBackend();
      // The test bed's own 9p device sits on virtio-pci, beside its root port.
      const error = expectCode("ERR_WRONG_DRIVER", () => backend.openSync("0000:00:1f.0"));
      assert.match(error.hint!, /userpci bind 0000:00:1f\.0/);
    },

    "a second open is refused, and names this process": async () => {
      using first = kernelBackend();
      using device = first.openSync(at.edu);
      const again = expectCode("ERR_DEVICE_BUSY", () => first.openSync(at.edu));
      assert.match(again.message, new RegExp(`\\b${process.pid}\\b`));
      using second = kernelBackend();
      const elsewhere = await expectRejection("ERR_DEVICE_BUSY", () => second.open(at.edu));
      assert.match(elsewhere.message, new RegExp(`\\b${process.pid}\\b`));
      assert.equal(elsewhere.syscall, "open");
      assert.equal(device.region(regionIndex.config).read16(0), 0x1234, "the first one is unharmed");
    },

    "a function whose group another domain holds is refused": () => {
      using backend = kernelBackend();
      using edu = backend.openSync(at.pairedEdu);
      expectCode("ERR_GROUP_BUSY", () => backend.openSync(at.pairedE1000));
      using nic = backend.openSync(at.pairedE1000, { domain: edu.domain });
      assert.equal(nic.region(regionIndex.config).read16(0), 0x8086);
    },

    "a reset method can be required": () => {
      using backend = kernelBackend();
      expectCode("ERR_NO_RESET", () => backend.openSync(at.edu, { requireReset: true }));
      using nvme = backend.openSync(at.nvme, { requireReset: true });
      assert.equal(nvme.info.resettable, true);
      using edu = backend.openSync(at.edu);
      assert.equal(edu.closed, false, "the refused open left the device free");
    },

    "a VF token that is no UUID, or not wanted, is refused and leaves the device free": () => {
      using backend = kernelBackend();
      expectCode("ERR_INVALID_ARGUMENT", () => backend.openSync(at.edu, { vfToken: "secret" }));
      const token = "14d63f20-8445-11ea-8900-1f9ce7d5650d";
      expectCode("ERR_INVALID_ARGUMENT", () => backend.openSync(at.edu, { vfToken: token }));
      backend.openSync(at.edu).closeSync();
    },

    "two devices in one domain see the same memory": async () => {
      await using backend = kernelBackend();
      await using domain = backend.createDomain();
      using memory = backend.memory.alloc(4096);
      expectCode("ERR_DOMAIN_EMPTY", () => domain.mapSync(memory));
      const first = backend.openSync(at.edu, { domain });
      const second = backend.openSync(at.wideEdu, { domain });
      const mapping = domain.mapSync(memory, { addressBits: 28 });
      const bytes = new Uint8Array(memory.buffer);
      bytes.fill(0x5a, 0, 64);
      await transfer(startEdu(first), mapping.iova, 0x40000n, 64, 1);
      await transfer(first.mapRegion(0), 0x40000n, mapping.iova + 128n, 64, 3);
      await transfer(startEdu(second), mapping.iova + 128n, 0x40000n, 64, 1);
      await transfer(second.mapRegion(0), 0x40000n, mapping.iova + 256n, 64, 3);
      assert.deepEqual(bytes.subarray(256, 320), bytes.subarray(0, 64));
      await expectRejection("ERR_DOMAIN_IN_USE", () => domain.close());
      await first.close();
      await transfer(second.mapRegion(0), 0x40000n, mapping.iova + 512n, 64, 3);
      assert.deepEqual(bytes.subarray(512, 576), bytes.subarray(0, 64), "one device left, the domain stayed");
      await second.close();
      await domain.close();
    },

    "a device may leave a domain and come back while the domain keeps its mappings": () => {
      using backend = kernelBackend();
      using domain = backend.createDomain();
      using memory = backend.memory.alloc(4096);
      backend.openSync(at.edu, { domain }).closeSync();
      const mapping = domain.mapSync(memory);
      using device = backend.openSync(at.edu, { domain });
      assert.equal(domain.find(mapping.iova), mapping);
      device.closeSync();
      mapping.unmapSync();
    },

    "after close every method says so": async () => {
      using backend = kernelBackend();
      const device = backend.openSync(at.edu);
      const mapped = startEdu(device);
      const config = device.region(regionIndex.config);
      await device.close();
      await device.close();
      device.closeSync();
      assert.equal(device.closed, true);
      for (const call of callsOf(device)) expectCode("ERR_CLOSED", call);
      for (const call of promisesOf(device)) await expectRejection("ERR_CLOSED", call);
      expectCode("ERR_CLOSED", () => mapped.read32(0));
      expectCode("ERR_CLOSED", () => mapped.write32(0, 1));
      expectCode("ERR_CLOSED", () => config.read32(0));
      expectCode("ERR_CLOSED", () => config.write16(4, 0));
    },

    "a closed backend opens nothing, and closes what it opened": () => {
      const backend = kernelBackend();
      const device = backend.openSync(at.edu);
      backend.closeSync();
      backend.closeSync();
      assert.equal(device.closed, true);
      expectCode("ERR_CLOSED", () => backend.openSync(at.edu));
      expectCode("ERR_CLOSED", () => backend.createDomain());
    },
  },
});

function callsOf(device: BackendDevice): (() => unknown)[] {
  return [
    () => device.regionInfo(0),
    () => device.region(regionIndex.config),
    () => device.mapRegion(0),
    ...irqKinds.map((kind) => () => device.irqInfo(kind)),
    () => device.createIrqTarget(),
    () => device.setIrqs("msi", 0, [null]),
    () => device.disableIrqs("msi"),
    () => device.maskIrqs("intx", 0, 1),
    () => device.unmaskIrqs("intx", 0, 1),
    () => device.setUnmaskTarget("intx", 0, null),
    () => device.triggerIrqs("msi", 0, 1),
    () => device.resetSync(),
    () => device.hotResetInfo(),
    () => device.hotResetSync(),
    () => device.feature("probe", 0),
  ];
}

function promisesOf(device: BackendDevice): (() => Promise<unknown>)[] {
  return [() => device.reset(), () => device.hotReset()];
}
