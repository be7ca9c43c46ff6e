import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { resultOf } from "../module-process.ts";
import { built, NIC } from "./waiting-machine.ts";

const EDU = "0000:00:04.0";
const ROUNDS = 30;

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-setup-"));
  writeMachine(root, {
    functions: [
      { address: EDU, id: "1234:11e8", group: 4 },
      { address: NIC, id: "8086:10d3", driver: "e1000e", group: 6 },
    ],
    drivers: ["vfio-pci"],
    nodes: ["/dev/iommu"],
    files: { "/etc/passwd": "alice:x:1000:1000::/home/alice:\nbob:x:1001:1001::/home/bob:\n" },
  });
});
afterEach(() => rmSync(root, { recursive: true }));

/** A process that permits a function and takes it back, again and again; it tells how its calls ended. */
function permitting(address: string, user: string): Promise<Record<string, number>> {
  const program = `
    import { existsSync } from "node:fs";
    import { permit, unpermit } from "${built("persist/index.js")}";
    const root = ${JSON.stringify(root)};
    const ruleOf = (address) => root + "/etc/udev/rules.d/60-userpci-permit-" + address.replaceAll(":", "-") + ".rules";
    const rules = ${JSON.stringify([EDU, NIC])}.map(ruleOf);
    const endings = {};
    for (let round = 0; round < ${ROUNDS}; round++) {
      const ending = await permit("${address}", { root, user: "${user}" })
        .then(() => rules.every(existsSync) ? "both have it" : "permitted")
        .catch((error) => error.code);
      endings[ending] = (endings[ending] ?? 0) + 1;
      await unpermit("${address}", { root });
    }
    process.stdout.write(JSON.stringify(endings));`;
  return resultOf(program);
}

it("one user has a node, of two who are permitted at once by two processes", async () => {
  const all = await Promise.all([permitting(EDU, "alice"), permitting(NIC, "bob")]);
  for (const endings of all) {
    const { permitted = 0, ERR_NODE_TAKEN: taken = 0 } = endings;
    expect({ ...endings, sum: permitted + taken }).toEqual({ ...endings, sum: ROUNDS });
  }
  // Two in step with one another may go on so that it is always the same one who comes first.
  expect(all.some(({ permitted = 0 }) => permitted > 0)).toBe(true);
  expect(await permitting(EDU, "alice")).toEqual({ permitted: ROUNDS });
  expect(await permitting(NIC, "bob")).toEqual({ permitted: ROUNDS });
});
