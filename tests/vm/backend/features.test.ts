import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { regionIndex } from "@userpci/interface";
import { kernelBackend } from "../harness/backend.ts";
import { expectCode } from "../harness/expect.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

/** `VFIO_DEVICE_FEATURE_*` of `linux/vfio.h`. */
const feature = {
  PCI_VF_TOKEN: 0,
  MIGRATION: 1,
  LOW_POWER_ENTRY: 3,
  LOW_POWER_ENTRY_WITH_WAKEUP: 4,
  LOW_POWER_EXIT: 5,
  DMA_LOGGING_START: 6,
  DMA_BUF: 11,
} as const;

/** Waits until the kernel has put a function into low power, which it does in its own time: an access before that wakes nothing. */
async function suspended(address: string): Promise<void> {
  const file = `/sys/bus/pci/devices/${address}/power/runtime_status`;
  for (let tries = 0; readFileSync(file, "utf8") !== "suspended\n"; tries++) {
    assert.ok(tries < 500, `${file} is ${readFileSync(file, "utf8")}`);
    await delay(10);
  }
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  tests: {
    "a feature that is there can be found out without using it": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      for (const index of [feature.LOW_POWER_ENTRY, feature.LOW_POWER_EXIT]) {
        assert.equal(device.feature("probe", index), 0);
      }
    },

    "a feature that is not there says so, whatever is asked of it": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      for (const index of [feature.PCI_VF_TOKEN, feature.MIGRATION, feature.DMA_LOGGING_START, 999]) {
        for (const operation of ["probe", "get", "set"] as const) {
          const error = expectCode("ERR_NOT_SUPPORTED", () =>
            device.feature(operation, index, new Uint8Array(16)),
          );
          assert.match(error.message, new RegExp(`no feature ${index} .*${operation}`));
        }
      }
      expectCode("ERR_OUT_OF_RANGE", () => device.feature("probe", 0x1_0000));
      expectCode("ERR_INVALID_ARGUMENT", () => device.feature("probe", 1.5));
      expectCode("ERR_INVALID_ARGUMENT", () => device.feature("guess" as "probe", 3));
    },

    "a feature that can only be set is not got": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      expectCode("ERR_NOT_SUPPORTED", () => device.feature("get", feature.LOW_POWER_ENTRY));
    },

    "a device goes into low power and comes back working": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const config = device.region(regionIndex.config);
      config.write16(4, 0b110);
      using bar = device.mapRegion(0);
      const version = bar.read32(8);
      device.feature("set", feature.LOW_POWER_ENTRY);
      expectCode("EINVAL", () => device.feature("set", feature.LOW_POWER_ENTRY));
      device.feature("set", feature.LOW_POWER_EXIT);
      assert.equal(config.read16(0), 0x1b36);
      assert.equal(bar.read32(8), version);
    },

    "a device in low power still answers": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      const config = device.region(regionIndex.config);
      config.write16(4, 0b110);
      using bar = device.mapRegion(0);
      const version = bar.read32(8);
      device.feature("set", feature.LOW_POWER_ENTRY);
      assert.equal(config.read16(0), 0x1b36);
      device.feature("set", feature.LOW_POWER_EXIT);
      assert.equal(bar.read32(8), version);
    },

    "a device closed in low power opens again": () => {
      using backend = kernelBackend();
      const device = backend.openSync(at.nvme);
      device.feature("set", feature.LOW_POWER_ENTRY);
      device.closeSync();
      using again = backend.openSync(at.nvme);
      assert.equal(again.region(regionIndex.config).read16(0), 0x1b36);
    },

    "low power that wakes up tells so by an event": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.nvme);
      using wakeup = device.createIrqTarget();
      console.log(`feature 4 (low power with wake-up): probe ${device.feature("probe", 4)}`);
      // struct vfio_device_low_power_entry_with_wakeup: the eventfd, 4 bytes reserved.
      const fd = Reflect.get(wakeup, "fd") as number;
      device.feature(
        "set",
        feature.LOW_POWER_ENTRY_WITH_WAKEUP,
        new Uint8Array(new Int32Array([fd, 0]).buffer),
      );
      await suspended(at.nvme);
      assert.equal(device.region(regionIndex.config).read16(0), 0x1b36);
      assert.equal(wakeup.waitSync(2000), 1, "the access woke it");
    },
  },
});
