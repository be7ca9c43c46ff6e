import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { testVm } from "@userpci/testbed/vitest";
import { expect, it } from "vitest";
import { Tally } from "../compare.ts";
import { realPciutils } from "../reference.ts";

// On live devices: what sysfs knows beside configuration space, and what it keeps from an ordinary user.

const userpci = fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url));
const root = undefined;
const ordinary = "65534";
// Starting Node costs seconds in the emulated machine: no more runs than say something new.
const runs = [
  { user: root, command: "-vvv" },
  { user: root, command: "-vnnk" },
  { user: root, command: "-vmmk" },
  { user: root, command: "-tv" },
  { user: ordinary, command: "-vvv" },
  { user: ordinary, command: "-k" },
  { user: ordinary, command: "-xxx" },
];

/** Every directory above a path. */
function* ancestors(path: string): Generator<string> {
  for (let at = dirname(path); at !== "/"; at = dirname(at)) yield at;
}

const pciutils = await realPciutils();

it.skipIf(pciutils === undefined).each(runs)("lspci $command as user $user", async ({ user, command }) => {
  const { lspci, ids } = pciutils!;
  const vm = await testVm("main");
  // In the guest alone, whose root is an overlay: the caches of another user may be closed.
  await vm.run(["chmod", "a+x", ...ancestors(ids), ...ancestors(userpci)], { check: true });
  const options = { check: true, ...(user === undefined ? {} : { user }) };
  const args = ["-i", ids, command];
  const real = await vm.run([...lspci, ...args], options);
  const ours = await vm.run(["node", userpci, "lspci", ...args], options);
  const tally = new Tally();
  tally.compare(real.stdout, ours.stdout);
  expect(tally.different.size, tally.report()).toBe(0);
  expect(tally.lines).toBeGreaterThan(10);
});
