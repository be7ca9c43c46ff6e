import { strict as assert } from "node:assert";
import { deviceNodes, findFunction } from "@userpci/sysfs";
import { openDevice } from "userpci";
import { startNode } from "../harness/child.ts";
import { withClosed } from "../harness/closed-node.ts";
import { guestSuite } from "../harness/suite.ts";
import { at, USER } from "../machines.ts";

/** The backend that `openDevice` takes for edu, as a user in a process of its own. */
async function chosenBy(uid: number): Promise<string> {
  using child = startNode(new URL("./which-backend.js", import.meta.url), [at.edu], uid);
  const name = await child.line();
  assert.equal(await child.ended, 0);
  return name;
}

await guestSuite(import.meta.url, {
  machine: "iommufd",
  // Nodes are root's to change.
  users: ["root"],
  tests: {
    "openDevice takes iommufd where the user may open its nodes": async () => {
      const device = await openDevice(at.edu);
      await device.close();
      assert.equal(device.backendDevice.backend, "vfio-cdev");
      assert.equal(await chosenBy(USER), "vfio-cdev");
    },

    "and the container where one of the two is closed to the user": async () => {
      const { device, iommu, group } = deviceNodes(findFunction(at.edu));
      for (const node of [device!, iommu!]) {
        await withClosed(node, async () => assert.equal(await chosenBy(USER), "vfio-group", node));
      }
      await withClosed(group!, async () => assert.equal(await chosenBy(USER), "vfio-cdev"));
    },

    "USERPCI_BACKEND overrides that": async () => {
      process.env["USERPCI_BACKEND"] = "vfio-group";
      try {
        await using device = await openDevice(at.edu);
        assert.equal(device.backendDevice.backend, "vfio-group");
      } finally {
        delete process.env["USERPCI_BACKEND"];
      }
    },
  },
});
