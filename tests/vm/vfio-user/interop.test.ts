import { readFileSync } from "node:fs";
import { boot, type Pciutils, provisionNewestQemu, provisionPciutils } from "@userpci/testbed";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { bindScript } from "../harness/bind-script.ts";
import { declareOnHost } from "../harness/host.ts";
import { barText, declaredBars, declaredText, ownText } from "./host/declared.ts";
import { fileSystemScript } from "./host/disk.ts";
import { models } from "./host/models.ts";
import { ServedMachine } from "./host/served.ts";
import { suite, url } from "./in-guest.ts";
import { reference, servedAt } from "./places.ts";

/** The real lspci, if it and a QEMU with vfio-user can be had here; says aloud why not. */
async function pciutilsAndQemu(): Promise<Pciutils | undefined> {
  const onProgress = (line: string) => console.error(`[vfio-user] ${line}`);
  try {
    await provisionNewestQemu(onProgress);
    return await provisionPciutils(onProgress);
  } catch (error) {
    console.error(`[vfio-user] SKIPPED: no QEMU with vfio-user-pci: ${(error as Error).message}`);
    return undefined;
  }
}

const pciutils = await pciutilsAndQemu();

describe.skipIf(pciutils === undefined)("a machine of QEMU's with our models", () => {
  let machine: ServedMachine;
  const run = async (...argv: readonly string[]) => (await machine.vm.run(argv, { check: true })).stdout;

  beforeAll(async () => {
    machine = await ServedMachine.boot();
  });
  afterAll(() => machine?.[Symbol.asyncDispose]());

  it.each(["edu", "nvme"] as const)("lspci shows our %s as it was declared", async (name) => {
    const { lspci, ids } = pciutils!;
    const printed = await run(...lspci, "-i", ids, "-vvvnn", "-s", servedAt[name]);
    const model = models[name]();
    expect(ownText(printed)).toBe(ownText(declaredText(model, ids)));
    expect(barText(printed)).toEqual(declaredBars(model));
  });

  it.each(["nvme", "silentNvme"] as const)("the guest's nvme driver has files on our %s", async (name) => {
    const printed = await run("sh", "-c", fileSystemScript(servedAt[name]));
    // Of commands of administration, and of each processor.
    expect(printed).toMatch(/nvme\dq0\n.*nvme\dq1\n/);
  });

  describe("through the guest's VFIO", () => {
    declareOnHost(url, suite, async () => {
      const { edu, secondEdu, nvme } = servedAt;
      await run("sh", "-c", bindScript([reference, edu, secondEdu, nvme]));
      return machine.vm;
    });
  });

  it("a machine that is killed leaves the server with nothing of its memory", async () => {
    const { pid, exitCode } = machine.server.process;
    const mapped = () => readFileSync(`/proc/${pid}/maps`, "utf8").match(/memfd:memory-backend-memfd/g);
    expect(exitCode).toBeNull();
    expect(mapped()).not.toBeNull();
    // By SIGKILL.
    await machine.vm.close();
    await vi.waitFor(() => expect(mapped()).toBeNull(), 30_000);
    expect(machine.server.process.exitCode).toBeNull();
    expect(machine.complaints).toBe("");
  });

  it("a machine does not boot without its server, and says so", async () => {
    const devices = ["vfio-user-pci,socket=/nonexistent/edu.sock"];
    await expect(boot({ devices })).rejects.toMatchObject({
      code: "ERR_TESTBED_EXITED",
      summary: expect.stringContaining("/nonexistent/edu.sock"),
    });
  });
});
