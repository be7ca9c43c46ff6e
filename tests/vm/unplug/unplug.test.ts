import { fileURLToPath } from "node:url";
import type { RunResult, Vm, VmProcess } from "@userpci/testbed";
import { testVm } from "@userpci/testbed/vitest";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { compiled } from "../harness/guest-code.ts";
import { unplugAt as at, inSlot, USER } from "../machines.ts";
import type { Work } from "./owner.ts";

const userpci = fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url));
const OWNER = compiled(fileURLToPath(new URL("./owner.ts", import.meta.url)));

let vm: Vm;
beforeAll(async () => {
  vm = await testVm("unplug");
});

const shell = (line: string): Promise<RunResult> => vm.run(["/bin/sh", "-c", line], { check: true });
const isThere = async (address: string): Promise<boolean> =>
  (await vm.run(["test", "-e", `/sys/bus/pci/devices/${address}`])).code === 0;

/** Has a function ready to be opened by the ordinary user. */
async function bind(address: string): Promise<void> {
  await expect.poll(() => isThere(address), { timeout: 20_000 }).toBe(true);
  await vm.run(["node", userpci, "bind", address, "--user", String(USER)], { check: true });
}

/** Has a device in the slot, ready to be opened. */
async function fillSlot(): Promise<void> {
  if (!(await isThere(at.slot))) await vm.qmp("device_add", { ...inSlot });
  await bind(at.slot);
}

/** Asks for the device in the slot, as the button beside it does. */
const unplug = (): Promise<unknown> => vm.qmp("device_del", { id: inSlot.id });

/** A process of the ordinary user that has a device; its output so far, and what comes. */
class Owner {
  readonly process: VmProcess;
  readonly #exited: Promise<number | null>;
  output = "";
  errors = "";

  constructor(work: Work, address: string, ...release: readonly string[]) {
    this.process = vm.spawn(["node", OWNER, work, address, ...release], { user: String(USER) });
    this.process.stdout.on("data", (chunk: Uint8Array) => {
      this.output += String(chunk);
    });
    this.process.stderr.on("data", (chunk: Uint8Array) => {
      this.errors += String(chunk);
    });
    this.#exited = this.process.exited.then(({ code }) => code);
  }

  async prints(text: string | RegExp): Promise<void> {
    await expect.poll(() => this.output || this.errors, { timeout: 30_000 }).toMatch(text);
  }

  /** Its exit status, once it has ended by itself. */
  ended(): Promise<number | null> {
    return this.#exited;
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.process.kill("SIGTERM");
    await this.#exited;
  }
}

let owners: Owner[] = [];
afterEach(async () => {
  await Promise.all(owners.map((owner) => owner.end()));
  owners = [];
});

function own(work: Work, address: string, ...release: readonly string[]): Owner {
  const owner = new Owner(work, address, ...release);
  owners.push(owner);
  return owner;
}

describe("a device that is unplugged while it is open", () => {
  beforeEach(fillSlot);

  it.each<Work>(["idle", "polling", "waiting"])("and its driver %s: is closed, and goes", async (work) => {
    const owner = own(work, at.slot, "close");
    await owner.prints("ready");
    await unplug();
    expect({ code: await owner.ended(), errors: owner.errors }).toEqual({ code: 0, errors: "" });
    expect(owner.output).toBe("ready\nasked 1, closing, answers\nclosed\n");
    await expect.poll(() => isThere(at.slot), { timeout: 20_000 }).toBe(false);
  });

  it("is closed with a warning where nobody listens", async () => {
    const owner = own("idle", at.slot);
    await owner.prints("ready");
    await unplug();
    expect(await owner.ended()).toBe(0);
    expect(owner.output).toBe("ready\nclosed\n");
    expect(owner.errors).toMatch(
      /\[USERPCI_RELEASE\].* the system wants 0000:01:00\.0 back .*; it was closed/,
    );
    await expect.poll(() => isThere(at.slot), { timeout: 20_000 }).toBe(false);
  });

  it("goes on working where the request is ignored, until its owner ends", async () => {
    const owner = own("polling", at.slot, "keep");
    await owner.prints("ready");
    await unplug();
    await owner.prints("asked 1, kept, answers");
    // The kernel asks again after 10 s.
    await owner.prints("asked 2, kept, answers");
    expect(await isThere(at.slot)).toBe(true);
    await owner.end();
    await expect.poll(() => isThere(at.slot), { timeout: 20_000 }).toBe(false);
  });
});

describe("an error of a device or its link", () => {
  beforeEach(fillSlot);

  const inject = (id: string, error: string): Promise<unknown> =>
    vm.qmp("human-monitor-command", { "command-line": `pcie_aer_inject_error ${id} ${error}` });

  it.each([
    ["the device times out", inSlot.id, "COMP_TIME", at.slot, "nonfatal", "CmpltTO"],
    ["the port above it loses the link layer", inSlot.bus, "DLP", at.port, "fatal", "DLP"],
  ])("%s: reaches the driver with its name, and the device is opened again after it", async (...row) => {
    const [_what, id, injected, address, severity, error] = row;
    const owner = own("idle", at.slot, "close");
    await owner.prints("ready");
    await inject(id, injected);
    await owner.prints(/^error/m);
    const report = JSON.parse(/^error (.*)$/m.exec(owner.output)![1]!);
    expect(report.counted).toContainEqual({ address, severity, error, count: expect.any(Number) });
    await owner.end();
    const again = own("idle", at.slot, "close");
    await again.prints("ready");
  });
});

describe("a device that another driver is to have while it is open", () => {
  it("is closed in the middle of DMA, and let go of", async () => {
    await bind(at.edu);
    const owner = own("dma", at.edu, "close");
    await owner.prints("ready");
    const { code, stderr } = await vm.run(["node", userpci, "unbind", at.edu, "--timeout", "20"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect({ code: await owner.ended(), errors: owner.errors }).toEqual({ code: 0, errors: "" });
    expect(owner.output).toBe("ready\nasked 1, closing, answers\nclosed\n");
  });

  it("is removed from the bus in the middle of DMA, and found again", async () => {
    await bind(at.edu);
    const owner = own("dma", at.edu, "close");
    await owner.prints("ready");
    await shell(`echo 1 >/sys/bus/pci/devices/${at.edu}/remove`);
    expect({ code: await owner.ended(), errors: owner.errors }).toEqual({ code: 0, errors: "" });
    expect(owner.output).toMatch(/asked 1, closing, answers\nclosed\n$/);
    expect(await isThere(at.edu)).toBe(false);
    await shell("echo 1 >/sys/bus/pci/rescan");
    await bind(at.edu);
    const again = own("idle", at.edu, "close");
    await again.prints("ready");
  });
});
