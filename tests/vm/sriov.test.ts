import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { regionIndex } from "@userpci/interface";
import { bind, findFunction, setVirtualFunctions } from "@userpci/sysfs";
import { kernelBackend } from "./harness/backend.ts";
import { expectCode, expectRejection } from "./harness/expect.ts";
import { guestSuite } from "./harness/suite.ts";
import { functionsAt as at, physicalFunction, USER } from "./machines.ts";

/** Lets vfio-pci make virtual functions of what it has; read at each use. */
const ENABLE_SRIOV = "/sys/module/vfio_pci/parameters/enable_sriov";
/** First virtual function of the physical one that vfio-pci has: 128 functions behind it (82576 datasheet, 9.5.3). */
const VF = "0000:01:10.0";
/** `VFIO_DEVICE_FEATURE_PCI_VF_TOKEN`: a UUID of 16 bytes. */
const VF_TOKEN = 0;

const uuidBytes = (uuid: string): Uint8Array => Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex"));

/** Runs `test` with a virtual function of a physical one that vfio-pci has. */
async function withVirtualFunction(test: () => Promise<void>): Promise<void> {
  writeFileSync(ENABLE_SRIOV, "Y");
  try {
    assert.deepEqual(await setVirtualFunctions(at.igb, 1), [VF]);
    await bind(VF, { user: USER });
    await test();
  } finally {
    assert.deepEqual(await setVirtualFunctions(at.igb, 0), []);
    writeFileSync(ENABLE_SRIOV, "N");
  }
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  machine: "functions",
  // Making virtual functions is root's.
  users: ["root"],
  tests: {
    "a virtual function has the ids that its physical one gives it": () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.igbVf);
      const config = device.region(regionIndex.config);
      assert.equal(config.read32(0), 0x10ca_8086);
      const hardware = readFileSync(`/sys/bus/pci/devices/${at.igbVf}/config`).readUInt32LE(0);
      assert.equal(hardware, 0xffff_ffff, "its own read as ones");
      assert.equal(device.irqInfo("intx").count, 0);
      assert.equal(device.irqInfo("msix").count, 3);
      assert.equal(device.info.resettable, true);
    },

    "a hot reset that would hit functions of others is refused, and names them": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.igbVf);
      const dependents = device.hotResetInfo().map(({ address }) => address);
      assert.ok(dependents.includes(physicalFunction), String(dependents));
      const refusals = [
        expectCode("ERR_GROUP_BUSY", () => device.hotResetSync()),
        await expectRejection("ERR_GROUP_BUSY", () => device.hotReset()),
      ];
      for (const { message } of refusals) assert.match(message, /0000:02:00\.0 \(group \d+\)/);
      assert.equal(device.region(regionIndex.config).read16(0), 0x8086, "nothing was reset");
    },

    "a virtual function that nobody shares a token for opens without one": () => {
      using backend = kernelBackend();
      expectCode("ERR_INVALID_ARGUMENT", () => backend.openSync(at.igbVf, { vfToken: randomUUID() }));
      backend.openSync(at.igbVf).closeSync();
    },

    "vfio-pci makes virtual functions, once it is let": async () => {
      const refused = await expectRejection("ERR_NOT_SUPPORTED", () => setVirtualFunctions(at.igb, 2));
      assert.match(refused.hint ?? "", /echo Y \| sudo tee .*enable_sriov/);
      await withVirtualFunction(async () => {
        assert.equal((await setVirtualFunctions(at.igb, 3)).length, 3);
        assert.equal(findFunction(VF).physicalFunction, at.igb);
      });
      assert.deepEqual(findFunction(at.igb).virtualFunctions, []);
    },

    "a virtual function opens with the token of its physical one's driver, and not otherwise": () =>
      withVirtualFunction(async () => {
        await using owner = kernelBackend();
        await using user = kernelBackend();
        const token = randomUUID();
        const physical = await owner.open(at.igb, { vfToken: token });
        const missing = expectCode("ERR_PERMISSION", () => user.openSync(VF));
        assert.match(missing.message, /no VF token was given/);
        assert.match(missing.hint!, /vfToken/);
        const wrong = await expectRejection("ERR_PERMISSION", () => user.open(VF, { vfToken: randomUUID() }));
        assert.match(wrong.message, /wrong/);
        {
          await using device = await user.open(VF, { vfToken: token });
          assert.equal(device.region(regionIndex.config).read32(0), 0x10ca_8086);
          await physical.close();
          // Who takes the physical function over while a virtual one is used must know the token too.
          await expectRejection("ERR_PERMISSION", () => owner.open(at.igb));
          await (await owner.open(at.igb, { vfToken: token })).close();
        }
        await using again = await owner.open(at.igb, { vfToken: token });
        const next = randomUUID();
        again.feature("set", VF_TOKEN, uuidBytes(next));
        await expectRejection("ERR_PERMISSION", () => user.open(VF, { vfToken: token }));
        await (await user.open(VF, { vfToken: next })).close();
      }),

    "a bus with virtual functions on it is not hot reset, with what would make it possible": () =>
      withVirtualFunction(async () => {
        await using backend = kernelBackend();
        const token = randomUUID();
        await using physical = await backend.open(at.igb, { vfToken: token });
        const refused = await expectRejection("ERR_GROUP_BUSY", () => physical.hotReset());
        assert.match(refused.message, new RegExp(VF.replaceAll(".", "\\.")));
        await using virtual = await backend.open(VF, { vfToken: token });
        const never = await expectRejection("ERR_NOT_SUPPORTED", () => physical.hotReset());
        assert.match(never.message, new RegExp(VF.replaceAll(".", "\\.")));
        assert.match(never.hint!, /userpci vf destroy/);
        assert.equal(virtual.region(regionIndex.config).read32(0), 0x10ca_8086);
      }),
  },
});
