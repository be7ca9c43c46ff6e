import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lastLines } from "./console.ts";
import { TestbedError, toTestbedError } from "./error.ts";
import { iommufdKernel } from "./iommufd-kernel.ts";
import type { BootOptions } from "./options.ts";
import { progressToStderr } from "./progress.ts";
import { connect } from "./remote-vm.ts";
import { guestReport } from "./run.ts";
import { VmServer } from "./server.ts";
import { removedAtEnd } from "./temporary.ts";
import type { Vm } from "./vm.ts";

export { removedAtEnd } from "./temporary.ts";

/** Tells test processes where the set-up process serves the machines. Processes inherit it. */
export const SOCKET_VARIABLE = "USERPCI_TESTBED_SOCKET";

/** Names the process whose tests use a machine; its child processes inherit it. */
export const LANE_VARIABLE = "USERPCI_TESTBED_LANE";

/** The machines that this process uses, with what the last command in each gave. */
const machinesInUse = new Map<Vm, { readonly name: string; last: string }>();

/** The part of a vitest test that tells whether it failed. */
export interface FinishedTest {
  readonly task: { readonly name: string; readonly result?: { readonly state: string } | undefined };
}

/**
 * For a vitest set-up file (`setupFiles`): after a test that failed, prints for each machine that its file uses what the last
 * command gave, the console and the kernel log, the ends of them.
 *
 * ```ts
 * import { afterAll, afterEach } from "vitest";
 * import { releaseGuests, reportGuests } from "@userpci/testbed/vitest";
 * reportGuests(afterEach);
 * afterAll(releaseGuests);
 * ```
 */
export function reportGuests(afterEach: (after: (test: FinishedTest) => Promise<void>) => void): void {
  afterEach(async ({ task }) => {
    if (task.result?.state !== "fail") return;
    for (const [vm, { name, last }] of machinesInUse) {
      const report = await guestReport(vm, lastLines(last, 40)).catch((error: unknown) => String(error));
      process.stderr.write(`\n--- machine ${name} after "${task.name}" failed\n${report}\n`);
    }
  });
}

/** Lets the machines go that this process uses, for the next file. Without it they are free when the process has ended. */
export async function releaseGuests(): Promise<void> {
  const released = [...machinesInUse.keys()];
  machinesInUse.clear();
  await Promise.all(released.map((vm) => vm.close()));
}

/** The part of vitest's `TestProject` that the set-up uses. */
export interface SetupProject {
  /** Calls back before tests run again in watch mode. */
  onTestsRerun?(callback: () => Promise<void>): void;
}

/**
 * A vitest global set-up that serves virtual machines to the tests of a project. A machine boots when a test first asks for it with {@link testVm},
 * serves all tests after that, is booted again when a test killed it, and ends with the test run. In watch mode it is booted anew for each run, because a running guest
 * may see old contents of changed files. A kernel that has to be compiled is, before the first test.
 *
 * ```ts
 * // vm.setup.ts, named in the project's `globalSetup`
 * import { vmSetup } from "@userpci/testbed/vitest";
 * export default vmSetup({ edu: { devices: ["edu"] } });
 * ```
 *
 * Files that vitest runs at the same time get boots of their own; those that run one after the other share one.
 */
export function vmSetup(
  machines: Readonly<Record<string, BootOptions>>,
): (project?: SetupProject) => Promise<() => Promise<void>> {
  return async (project) => {
    await buildKernel(Object.values(machines));
    const directory = await mkdtemp(join(tmpdir(), "userpci-vitest-"));
    const remove = removedAtEnd(directory);
    const socket = join(directory, "vm.sock");
    const talking = Object.entries(machines).map(([name, options]) => [
      name,
      { onProgress: (line: string) => progressToStderr(`${name}: ${line}`), ...options },
    ]);
    const server = await VmServer.listen(socket, Object.fromEntries(talking));
    process.env[SOCKET_VARIABLE] = socket;
    project?.onTestsRerun?.(() => server.closeMachines());
    return async () => {
      delete process.env[SOCKET_VARIABLE];
      await server.close();
      remove();
    };
  };
}

/** Builds the kernel with IOMMUFD if a machine wants it: the time limit of a test is not made for that. A failure is for the tests that ask for that machine. */
async function buildKernel(machines: readonly BootOptions[]): Promise<void> {
  if (!machines.some(({ kernel }) => kernel === "iommufd")) return;
  await iommufdKernel({ onProgress: progressToStderr }).catch((error: unknown) =>
    progressToStderr(toTestbedError(error, "ERR_TESTBED_PROVISION").summary),
  );
}

/**
 * The machine that {@link vmSetup} calls `name`, from inside a test.
 * @throws TestbedError ERR_TESTBED_ARGUMENT outside a project with the set-up or for an unknown name; what `boot` throws.
 */
export async function testVm(name: string): Promise<Vm> {
  const socket = process.env[SOCKET_VARIABLE];
  if (socket) {
    process.env[LANE_VARIABLE] ??= String(process.pid);
    const use = { name, last: "" };
    const vm = await connect(socket, name, process.env[LANE_VARIABLE], (argv, { stdout, stderr, code }) => {
      use.last = `${argv.join(" ")}: exit status ${code}\n${stdout}${stderr}`;
    });
    machinesInUse.set(vm, use);
    return vm;
  }
  throw new TestbedError(
    "ERR_TESTBED_ARGUMENT",
    `${SOCKET_VARIABLE} is not set: no set-up serves machines to this process`,
    {
      hint: 'export default vmSetup({ ... }) from a file that the vitest project names in "globalSetup"',
    },
  );
}
