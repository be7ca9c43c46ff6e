import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { readlinkSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { regionIndex } from "@userpci/interface";
import { bind, deviceNodes, findFunction } from "@userpci/sysfs";
import { backendName, kernelBackend } from "./harness/backend.ts";
import { startNode } from "./harness/child.ts";
import { withClosed } from "./harness/closed-node.ts";
import { expectCode, expectRejection } from "./harness/expect.ts";
import { guestSuite } from "./harness/suite.ts";
import type { Attempt } from "./harness/try-open.ts";
import { at, USER } from "./machines.ts";

const sysfs = (address: string, file: string): string => `/sys/bus/pci/devices/${address}/${file}`;

/** The node that gives access to a function, and the one that gives an address space. */
const nodeOf = (address: string): string => {
  const { device, group } = deviceNodes(findFunction(address));
  return (backendName === "vfio-cdev" ? device : group)!;
};
const SPACE_NODE = backendName === "vfio-cdev" ? "/dev/iommu" : "/dev/vfio/vfio";

/** What comes of an open by the ordinary user, in a process of its own. */
async function openAsUser(address: string): Promise<Attempt> {
  using child = startNode(new URL("./harness/try-open.js", import.meta.url), [address], USER);
  const result = JSON.parse(await child.line()) as Attempt;
  assert.equal(await child.ended, 0);
  return result;
}

/** Hands a function to a driver of the kernel, past everything that would refuse. */
function giveTo(address: string, driver: string): void {
  execFileSync("modprobe", [driver]);
  writeFileSync(sysfs(address, "driver_override"), `${driver}\n`);
  writeFileSync(sysfs(address, "driver/unbind"), address);
  writeFileSync("/sys/bus/pci/drivers_probe", address);
  assert.equal(basename(readlinkSync(sysfs(address, "driver"))), driver);
}

await guestSuite(import.meta.url, {
  backends: ["vfio-group", "vfio-cdev"],
  // Drivers and nodes are root's to change.
  users: ["root"],
  tests: {
    "a group with a member on a kernel driver is refused, and the member named": async () => {
      giveTo(at.pairedE1000, "e1000");
      try {
        using backend = kernelBackend();
        const error = expectCode("ERR_GROUP_NOT_VIABLE", () => backend.openSync(at.pairedEdu));
        assert.match(error.message, /0000:03:02\.0 \(e1000\)/);
        assert.match(error.hint!, /userpci bind 0000:03:02\.0/);
        await expectRejection("ERR_GROUP_NOT_VIABLE", () => backend.open(at.pairedEdu));
        const wrong = expectCode("ERR_WRONG_DRIVER", () => backend.openSync(at.pairedE1000));
        assert.match(wrong.message, /bound to e1000/);
        assert.match(wrong.hint!, /userpci bind 0000:03:02\.0/);
      } finally {
        await bind(at.pairedE1000, { user: USER });
      }
      using backend = kernelBackend();
      using device = backend.openSync(at.pairedEdu);
      assert.equal(device.region(regionIndex.config).read16(0), 0x1234, "as the hint says, it opens now");
    },

    "a function without a driver is refused with the command that binds it": async () => {
      writeFileSync(sysfs(at.edu, "driver/unbind"), at.edu);
      try {
        using backend = kernelBackend();
        const error = expectCode("ERR_WRONG_DRIVER", () => backend.openSync(at.edu));
        assert.match(error.message, /bound to no driver/);
        assert.match(error.hint!, /userpci bind 0000:00:04\.0/);
      } finally {
        await bind(at.edu, { user: USER });
      }
    },

    "a node of root's is closed to an ordinary user, with the command that opens it": async () => {
      const node = nodeOf(at.edu);
      await withClosed(node, async () => {
        const { code, path, hint } = await openAsUser(at.edu);
        assert.deepEqual([code, path], ["ERR_PERMISSION", node]);
        assert.match(hint!, /userpci bind 0000:00:04\.0 --user/);
      });
      assert.equal((await openAsUser(at.edu)).code, "opened");
    },

    "the node of address spaces closed to an ordinary user is named, with what opens it": () =>
      withClosed(SPACE_NODE, async () => {
        const { code, path, hint } = await openAsUser(at.edu);
        assert.deepEqual([code, path], ["ERR_PERMISSION", SPACE_NODE]);
        assert.match(hint!, SPACE_NODE === "/dev/iommu" ? /userpci bind .* --user/ : /chmod 0666/);
      }),

    "a holder whom this user may not see is said to be another user's": async () => {
      using backend = kernelBackend();
      using device = backend.openSync(at.edu);
      const { code, message, hint } = await openAsUser(at.edu);
      assert.equal(code, "ERR_DEVICE_BUSY");
      assert.match(message!, /another user/);
      assert.match(hint!, /fuser -v \/dev\/vfio\/(\d+|devices\/vfio\d+)/);
      assert.equal(device.region(regionIndex.config).read16(0), 0x1234);
    },

    "while a group is open its members cannot go back to a driver of the kernel": async () => {
      using backend = kernelBackend();
      using _device = backend.openSync(at.pairedEdu);
      writeFileSync(sysfs(at.pairedE1000, "driver_override"), "e1000\n");
      writeFileSync(sysfs(at.pairedE1000, "driver/unbind"), at.pairedE1000);
      try {
        assert.throws(() => writeFileSync("/sys/bus/pci/drivers/e1000/bind", at.pairedE1000));
      } finally {
        writeFileSync(sysfs(at.pairedE1000, "driver_override"), "vfio-pci\n");
        // Its node is a new one, and root's: other tests want it as it was.
        await bind(at.pairedE1000, { user: USER });
      }
    },
  },
});
