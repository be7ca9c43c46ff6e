import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { regionIndex } from "@userpci/interface";
import { vfioCdev } from "@userpci/vfio-native";
import { edu, roundTrip, startEdu } from "../harness/edu-registers.ts";
import { holdings } from "../harness/process.ts";
import { guestSuite } from "../harness/suite.ts";
import { at } from "../machines.ts";

await guestSuite(import.meta.url, {
  machine: "iommufd",
  tests: {
    "a device opens by its node, does DMA and interrupts, and leaves nothing open": async () => {
      const before = holdings();
      {
        await using backend = vfioCdev();
        await using device = await backend.open(at.wideEdu);
        assert.equal(device.backend, "vfio-cdev");
        assert.equal(device.region(regionIndex.config).read32(0), 0x11e8_1234);
        const bar = startEdu(device);
        using memory = backend.memory.alloc(4096);
        using mapping = device.domain.mapSync(memory);
        const bytes = new Uint8Array(memory.buffer);
        bytes.set(randomBytes(256));
        await roundTrip(bar, mapping.iova, mapping.iova + 1024n, 256);
        assert.deepEqual(bytes.subarray(1024, 1280), bytes.subarray(0, 256));
        using target = device.createIrqTarget();
        device.setIrqs("msi", 0, [target]);
        bar.write32(edu.RAISE, 1);
        assert.equal(target.waitSync(2000), 1);
      }
      assert.deepEqual(holdings(), before);
    },
  },
});
