/** A DMA fault, from the kernel's log to the buffer that it is about. */
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Vm } from "@userpci/testbed";
import { beforeAll, describe, expect, it } from "vitest";
import type { BackendName } from "./harness/backend.ts";
import { machineOf } from "./harness/backend.ts";
import { compiled } from "./harness/guest-code.ts";
import { preparedVm } from "./harness/host.ts";
import type { Astray, Explained } from "./isolation/astray.ts";
import { at, USER } from "./machines.ts";

const SCENE = compiled(fileURLToPath(new URL("./isolation/astray.ts", import.meta.url)));

/** What Linux says of a fault (`dmar_fault_do_one` in `drivers/iommu/intel/dmar.c`): the address is that of the page. */
const FAULT = /^.*DMAR: \[DMA Write[^\]]*\] Request device \[(?:0000:)?(\S+)\] fault addr (0x[0-9a-f]+)/gm;

/** The process whose device goes astray. */
class Culprit implements AsyncDisposable {
  readonly #vm: Vm;
  readonly #process: ReturnType<Vm["spawn"]>;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor(vm: Vm, where: Astray, backend: BackendName, user: string) {
    this.#vm = vm;
    this.#process = vm.spawn(["node", SCENE, where], {
      user,
      stdin: true,
      env: { USERPCI_BACKEND: backend },
    });
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    this.#process.stderr.on("data", (chunk: Uint8Array) => {
      this.#errors += String(chunk);
    });
  }

  async answer<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the process ended: ${this.#errors}`);
    return JSON.parse(value) as T;
  }

  ask<T>(line: string): Promise<T> {
    this.#process.stdin.write(`${line}\n`);
    return this.answer();
  }

  /** Has the device write until the kernel says so: it does ten times in five seconds. */
  async fault(): Promise<string> {
    const faults = async (): Promise<RegExpExecArray[]> => [...(await this.#vm.kernelLog()).matchAll(FAULT)];
    // By line, with its time: where the log is full it loses one with each that comes.
    const before = new Set((await faults()).map(([line]) => line));
    const found = async (): Promise<RegExpExecArray | undefined> => {
      await this.ask("again");
      return (await faults()).find(([line]) => !before.has(line));
    };
    await expect.poll(async () => (await found())?.[1], { timeout: 30_000, interval: 500 }).toBe("00:05.0");
    return (await faults()).at(-1)![2]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.stdin.end();
    await this.#process.exited;
  }
}

describe.each<BackendName>(["vfio-group", "vfio-cdev"])("the address of a DMA fault on %s", (backend) => {
  let vm: Vm;
  beforeAll(async () => {
    vm = await preparedVm(machineOf(backend));
  });

  it.each(["root", String(USER)])("names the buffer that uid %s has freed a moment ago", async (user) => {
    await using culprit = new Culprit(vm, "freed", backend, user);
    const target = BigInt(await culprit.answer<string>());
    const address = await culprit.fault();
    expect(BigInt(address)).toBe(target);
    const { state, message, mapping } = await culprit.ask<Explained>(address);
    expect({ state, label: mapping?.label, owner: mapping?.owner }).toEqual({
      state: "unmapped",
      label: "rx ring",
      owner: at.wideEdu,
    });
    expect(mapping?.unmappedMsAgo).toBeGreaterThanOrEqual(20);
    expect(message).toMatch(
      /^0x\w+ was in "rx ring" of 0000:00:05\.0 at 0x\w+-0x\w+, offset 0x0, which was unmapped [\d.]+ m?s ago$/,
    );
  });

  it("tells of one that never was mapped", async () => {
    await using culprit = new Culprit(vm, "never", backend, String(USER));
    await culprit.answer();
    const report = await culprit.ask<Explained>(await culprit.fault());
    expect(report.state).toBe("free");
    expect(report.message).toMatch(/^0x70000000 is not mapped, and was in none of the last 0 mappings/);
  });

  it("names the buffer that the device ran past", async () => {
    await using culprit = new Culprit(vm, "overrun", backend, String(USER));
    await culprit.answer();
    const report = await culprit.ask<Explained>(await culprit.fault());
    expect(report.below).toMatchObject({ label: "tx ring", distance: 0 });
    expect(report.message).toMatch(/; it is 0x0 bytes past the end of "tx ring" of 0000:00:05\.0/);
  });
});
