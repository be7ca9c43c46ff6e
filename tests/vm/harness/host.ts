import { fileURLToPath } from "node:url";
import { guestReport, type Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { afterAll, beforeAll, describe, it } from "vitest";
import { USER } from "../machines.ts";
import { type BackendName, machineOf } from "./backend.ts";
import { prepareScript } from "./bind-script.ts";
import { compiled } from "./guest-code.ts";
import { GuestRun } from "./guest-run.ts";
import type { GuestSuite, GuestUser } from "./suite.ts";

/** Binds the devices to vfio-pci for the ordinary user, once a boot. */
export async function prepare(vm: Vm, machine = "main"): Promise<void> {
  await vm.run(["/bin/sh", "-c", prepareScript(machine)], { check: true });
}

/** A machine, prepared. */
export async function preparedVm(machine = "main"): Promise<Vm> {
  const vm = await testVm(machine);
  await prepare(vm, machine);
  return vm;
}

/** The machine that a suite runs in. */
type MachineFor = (backend: BackendName) => Promise<Vm>;

/**
 * Makes vitest tests of a suite, which wait for the guest's results.
 *
 * @param url of the file that hands the suite to the guest's runner
 * @param machineFor a prepared machine. Default: the one that the suite names
 */
export function declareOnHost(
  url: string,
  suite: GuestSuite,
  machineFor: MachineFor = (backend) => preparedVm(machineOf(backend, suite.machine)),
): void {
  const file = compiled(fileURLToPath(url));
  const backends = suite.backends ?? ["vfio-group"];
  for (const backend of backends) {
    const users = suite.users ?? (backend === backends[0] ? ["root", USER] : [USER]);
    for (const user of users) {
      const who = user === "root" ? "as root" : `as uid ${user}`;
      const where = backends.length > 1 ? ` on ${backend}` : "";
      describe(`${who}${where}`, () => declareFor(file, suite, backend, user, machineFor));
    }
  }
}

function declareFor(
  file: string,
  suite: GuestSuite,
  backend: BackendName,
  user: GuestUser,
  machineFor: MachineFor,
): void {
  let run: GuestRun;
  beforeAll(async () => {
    const vm = await machineFor(backend);
    const runner = compiled(fileURLToPath(new URL("./guest.ts", import.meta.url)));
    run = new GuestRun(
      vm.run(["node", ...(suite.nodeFlags ?? []), runner, file], {
        user: user === "root" ? "root" : String(user),
        memlock: suite.memlock ?? 64 * 2 ** 20,
        timeoutMs: suite.timeoutMs ?? 230_000,
        // Only where a suite asks for backends: the others show what is taken by itself.
        env: { ...(suite.backends && { USERPCI_BACKEND: backend }), ...suite.env },
        onStdout: (chunk) => run.receive(chunk),
        onStderr: (chunk) => run.receive(chunk),
      }),
      () => guestReport(vm, ""),
    );
  });
  for (const name of Object.keys(suite.tests)) it(name, () => run.result(name));
  afterAll(() => run?.ended());
}
