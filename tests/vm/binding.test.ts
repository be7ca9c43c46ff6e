import { fileURLToPath } from "node:url";
import type { RunResult, Vm, VmProcess } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { beforeAll, describe, expect, it } from "vitest";
import { compiled, prepare } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const holder = compiled(fileURLToPath(new URL("./lifecycle/holder.ts", import.meta.url)));

const ADDRESS = at.wideEdu;

let vm: Vm;
beforeAll(async () => {
  vm = await testVm("main");
  await prepare(vm);
});

/** Runs a command line of `userpci` as root; one that does not end in time is a failure. */
function run(...argv: string[]): Promise<RunResult> {
  return vm.run(["node", userpci, ...argv], { timeoutMs: 30_000 });
}

/** Starts a process that has the function open through VFIO, and does not care who wants it back. */
async function hold(): Promise<VmProcess & { pid: number }> {
  const process = vm.spawn(["sh", "-c", `echo $$; exec node ${holder} dma ${ADDRESS}`]);
  process.exited.catch(() => undefined);
  let text = "";
  for await (const chunk of process.stdout) {
    text += chunk;
    if (text.includes("ready")) break;
  }
  return Object.assign(process, { pid: Number.parseInt(text, 10) });
}

async function driverOf(address: string): Promise<string> {
  const { stdout } = await vm.run(["readlink", `/sys/bus/pci/devices/${address}/driver`]);
  return stdout.trim().split("/").at(-1)!;
}

describe("a function that a process has open", () => {
  it("keeps unbind waiting for the time that it was given and no longer, and goes when the process ends", async () => {
    const holding = await hold();
    const started = performance.now();
    const late = await run("unbind", ADDRESS, "--timeout", "2");
    expect(performance.now() - started).toBeLessThan(2000 + 4000);
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(
      new RegExp(`vfio-pci to let go of ${ADDRESS}, held by pid ${holding.pid} .*\\(ERR_TIMEOUT\\)`),
    );
    expect(late.stderr).toMatch(new RegExp(`hint +end pid ${holding.pid} `));
    expect(late.stderr).toContain(`sudo userpci unbind ${ADDRESS}`);

    holding.kill("SIGKILL");
    await holding.exited;
    await expect.poll(() => driverOf(ADDRESS), { timeout: 10_000 }).toBe("");
    expect(await run("unbind", ADDRESS)).toMatchObject({ code: 0, stderr: "" });
    expect(await run("bind", ADDRESS, "--user", String(USER))).toMatchObject({ code: 0, stderr: "" });
    expect(await driverOf(ADDRESS)).toBe("vfio-pci");
  });
});
