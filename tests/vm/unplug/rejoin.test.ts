/** A device that is plugged in, unplugged and plugged in again: what a monitor sees of it, and the domain that it was in. */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { expectLines } from "../../../packages/cli/src/testing/schema.ts";
import { bindScript } from "../harness/bind-script.ts";
import { compiled } from "../harness/guest-code.ts";
import { againAt, againPort, unplugAt as at, comesAgain, USER } from "../machines.ts";

const REJOIN = compiled(fileURLToPath(new URL("./rejoin.ts", import.meta.url)));

const userpci = fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url));

let vm: Vm;
beforeAll(async () => {
  vm = await testVm("unplug");
});

const bind = (address: string) => vm.run(["/bin/sh", "-c", bindScript([address])], { check: true });
const isThere = async (): Promise<boolean> =>
  (await vm.run(["test", "-e", `/sys/bus/pci/devices/${againAt}`])).code === 0;

async function plug(): Promise<void> {
  if (!(await isThere())) await vm.qmp("device_add", comesAgain);
  await expect.poll(isThere).toBe(true);
  await bind(againAt);
}

async function unplug(): Promise<void> {
  await vm.qmp("device_del", { id: comesAgain.id });
  await expect.poll(isThere).toBe(false);
  // QEMU has it for a moment longer than the guest.
  const names = async () =>
    ((await vm.qmp("qom-list", { path: "/machine/peripheral" })) as { name: string }[]).map(
      ({ name }) => name,
    );
  await expect.poll(names).not.toContain(comesAgain.id);
}

/** The process whose device comes and goes. */
class Owner implements AsyncDisposable {
  readonly #process;
  readonly #lines;
  #errors = "";

  constructor(...args: readonly string[]) {
    this.#process = vm.spawn(["node", REJOIN, ...args], { user: String(USER), stdin: true });
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    this.#process.stderr.on("data", (chunk: Uint8Array) => {
      this.#errors += String(chunk);
    });
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the process ended: ${this.#errors}`);
    return value;
  }

  ask(line: string): Promise<string> {
    this.#process.stdin.write(`${line}\n`);
    return this.line();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    this.#process.kill("SIGTERM");
    await this.#process.exited;
  }
}

it("userpci monitor tells an ordinary user of a link that changes, and of errors that the kernel counts", async () => {
  const monitor = vm.spawn(["node", userpci, "monitor", "--interval", "0.2", "--jsonl"], {
    user: String(USER),
  });
  let out = "";
  monitor.stdout.on("data", (chunk: Uint8Array) => {
    out += String(chunk);
  });
  const told = (type: string) => expect.poll(() => out).toMatch(new RegExp(`"type":"${type}".*\\n`));
  // It says so once it has looked.
  for await (const chunk of monitor.stderr) if (String(chunk).includes("watching")) break;
  // An empty port of QEMU's tells what it could do at most, and one with a device what that does.
  await vm.qmp("device_add", comesAgain);
  await told("link");
  await expect.poll(isThere).toBe(true);
  const inject = `pcie_aer_inject_error ${comesAgain.id} BAD_TLP`;
  await vm.qmp("human-monitor-command", { "command-line": inject });
  await told("errors");
  monitor.kill("SIGINT");
  expect(await monitor.exited).toMatchObject({ code: 0 });
  const lines = expectLines("monitor", out);
  expect(lines).toContainEqual(
    expect.objectContaining({ type: "link", address: againPort, now: { speed: 2.5, width: 1 } }),
  );
  expect(lines).toContainEqual(
    expect.objectContaining({
      type: "errors",
      address: againAt,
      severity: "correctable",
      error: "BadTLP",
      more: 1,
      count: 1,
    }),
  );
});

// Plugging, binding and opening take 20 s together on a busy machine.
describe("a device that was unplugged and plugged in again", { timeout: 240_000 }, () => {
  beforeEach(plug);

  it("is opened into the domain that it was in, beside a device that never left", async () => {
    await bind(at.unbound);
    await using owner = new Owner("edu", "mapped");
    expect(await owner.line()).toBe("ready");
    for (let round = 0; round < 2; round++) {
      await unplug();
      expect(await owner.ask("gone")).toBe("closed");
      expect(await owner.ask("reach")).toBe("true");
      await plug();
      expect(await owner.ask("open")).toBe("opened, 2 in the domain");
      expect(await owner.ask("reach")).toBe("true");
    }
    expect(await owner.ask("close")).toBe("closed all");
  });

  it("is opened again where it was alone, if nothing was mapped", async () => {
    await using owner = new Owner("alone", "empty");
    expect(await owner.line()).toBe("ready");
    await unplug();
    expect(await owner.ask("gone")).toBe("closed");
    expect(await owner.ask("map")).toMatch(/^ERR_DOMAIN_EMPTY: the VFIO container has no device left in it/);
    await plug();
    expect(await owner.ask("open")).toBe("opened, 1 in the domain");
    expect(await owner.ask("map")).toBe("mapped");
    expect(await owner.ask("close")).toBe("closed all");
  });

  it("is refused where it was alone and memory was mapped, which the kernel has dropped", async () => {
    await using owner = new Owner("alone", "mapped");
    expect(await owner.line()).toBe("ready");
    await unplug();
    expect(await owner.ask("gone")).toBe("closed");
    await plug();
    expect(await owner.ask("open")).toMatch(
      /^ERR_DOMAIN_EMPTY: 0000:09:00\.0 cannot join .* dropped its mappings \(1\) .*unmap them before/,
    );
    expect(await owner.ask("close")).toBe("closed all");
  });
});
