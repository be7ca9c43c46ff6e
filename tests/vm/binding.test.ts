import { fileURLToPath } from "node:url";
import type { RunResult, Vm, VmProcess } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { beforeAll, describe, expect, it } from "vitest";
import { compiled } from "./harness/guest-code.ts";
import { prepare } from "./harness/host.ts";
import { at, USER } from "./machines.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const holder = compiled(fileURLToPath(new URL("./lifecycle/holder.ts", import.meta.url)));

const sysfs = new URL("../../packages/sysfs/dist/index.js", import.meta.url).href;

const ADDRESS = at.wideEdu;

let vm: Vm;
beforeAll(async () => {
  vm = await testVm("main");
  await prepare(vm);
  // By the command, so that it knows what was before.
  await run("bind", ADDRESS, "--user", String(USER));
});

/** Runs a command line of `userpci` as root; one that does not end in time is a failure. */
function run(...argv: string[]): Promise<RunResult> {
  return vm.run(["node", userpci, ...argv], { timeoutMs: 100_000 });
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

/**
 * Binds and unbinds a function time and again, in a process of its own. Returns how each call ended: done, or an error's code.
 */
async function contend(address: string, rounds: number): Promise<string[]> {
  const program = `
    import { bind, unbind } from "${sysfs}";
    for (let round = 0; round < ${rounds}; round += 1) {
      for (const call of [bind, unbind]) {
        const { code = "done", message } = await call("${address}").catch((error) => error);
        console.log(code === "done" || code === "ERR_BUSY" ? code : code + ": " + message);
      }
    }`;
  const { stdout } = await vm.run(["node", "--input-type=module", "-e", program], { check: true });
  return stdout.trim().split("\n");
}

describe("a function that several processes bind and unbind at once", () => {
  it("has one of them at a time, and its own driver at the end", async () => {
    const address = at.edu;
    const override = `/sys/bus/pci/devices/${address}/driver_override`;
    const shell = (line: string) => vm.run(["/bin/sh", "-c", line], { check: true });
    await run("unbind", address);
    // A driver that costs no time of its own.
    await shell(`modprobe pci-stub; echo pci-stub >${override}; echo ${address} >/sys/bus/pci/drivers_probe`);
    expect(await driverOf(address)).toBe("pci-stub");
    const ends = (await Promise.all([1, 2, 3].map(() => contend(address, 2)))).flat();
    expect(ends).toHaveLength(3 * 2 * 2);
    expect(ends.filter((end) => end !== "done" && end !== "ERR_BUSY")).toEqual([]);
    expect(ends).toContain("done");
    expect(await run("unbind", address)).toMatchObject({ code: 0, stderr: "" });
    expect(await driverOf(address)).toBe("pci-stub");
    expect((await vm.run(["ls", "/run/userpci"])).stdout).not.toMatch(/lock|tmp|00:04\.0/);
    await shell(`echo >${override}`);
    await run("bind", address, "--user", String(USER));
  });
});

describe("a function that a process has open", () => {
  it("keeps unbind waiting as long as it was given, or until a signal, and goes when the process ends", async () => {
    const holding = await hold();
    const late = await vm.run(["node", userpci, "unbind", ADDRESS, "--timeout", "2"], { timeoutMs: 100_000 });
    expect(late.code).toBe(1);
    expect(late.stderr).toMatch(
      new RegExp(
        `waited \\d+\\.\\d s for vfio-pci to let go of ${ADDRESS}, held by pid ${holding.pid} .*\\(ERR_TIMEOUT\\)`,
      ),
    );
    const waited = Number(/waited (\d+\.\d) s/.exec(late.stderr)?.[1]);
    expect([waited >= 2, waited < 30], String(waited)).toEqual([true, true]);
    expect(late.stderr).toMatch(new RegExp(`hint +end pid ${holding.pid} `));
    expect(late.stderr).toContain(`sudo userpci unbind ${ADDRESS}`);

    const interrupted = vm.spawn(["node", userpci, "unbind", ADDRESS]);
    let notes = "";
    for await (const chunk of interrupted.stderr) {
      // The first note comes when it has waited for 2 s.
      if (notes === "") interrupted.kill("SIGINT");
      notes += chunk;
    }
    expect(await interrupted.exited).toMatchObject({ code: 1 });
    expect(notes).toMatch(/\(ERR_ABORTED\)[\s\S]*cause +interrupted by SIGINT/);

    const later = await run("bind", ADDRESS, "--timeout", "1");
    expect(later.stderr).toMatch(/an earlier unbind of 0000:00:05\.0 \(in pid \d+\).*\(ERR_TIMEOUT\)/);
    expect(later.stderr).toMatch(new RegExp(`hint +end pid ${holding.pid} `));

    holding.kill("SIGKILL");
    await holding.exited;
    expect(await run("unbind", ADDRESS)).toMatchObject({ code: 0, stderr: "" });
    expect(await run("bind", ADDRESS, "--user", String(USER))).toMatchObject({ code: 0, stderr: "" });
    expect(await driverOf(ADDRESS)).toBe("vfio-pci");
  });

  it("keeps the second unbind waiting as well where somebody else bound it", async () => {
    await vm.run(["rm", `/run/userpci/${ADDRESS}.json`], { check: true });
    const holding = await hold();
    const program = `
      import { bind, unbind } from "${sysfs}";
      const late = () => unbind("${ADDRESS}", { timeoutMs: 300 }).catch(({ code }) => code);
      const ends = [await late(), await late()];
      process.kill(${holding.pid}, "SIGKILL");
      for (let times = 0; times < 2; times += 1) ends.push((await unbind("${ADDRESS}")).changed);
      await bind("${ADDRESS}", { user: ${USER} });
      console.log(JSON.stringify(ends));`;
    const { stdout } = await vm.run(["node", "--input-type=module", "-e", program], { check: true });
    expect(JSON.parse(stdout)).toEqual(["ERR_TIMEOUT", "ERR_TIMEOUT", true, false]);
    expect(await driverOf(ADDRESS)).toBe("vfio-pci");
  });
});
