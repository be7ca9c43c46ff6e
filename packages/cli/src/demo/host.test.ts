import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError } from "@userpci/interface";
import { describe, expect, it } from "vitest";
import { createStyle } from "../style.ts";
import { faultLine, ORDINARY_UID, privacyHint, runDemo } from "./host.ts";
import type { Machine } from "./machine.ts";
import { type StepReport, stepTitles } from "./step.ts";
import { stepLines } from "./view.ts";

const ADDRESS = "0000:00:04.0";
/** The steps on a kernel's VFIO: no server starts or ends. */
const machineSteps = Object.keys(stepTitles).filter((step) => step !== "serve" && step !== "stop");
const FAULT = `DMAR: [DMA Write NO_PASID] Request device [00:04.0] fault addr 0x1000 [fault reason 0x05] PTE Write access is not set`;

/** What the part beside the device prints. */
const guestSteps = [
  {
    step: "group",
    inputs: { group: 1 },
    results: { viable: true, type: "DMA", members: [ADDRESS], reserved: ["msi 0x0-0x1"] },
  },
  {
    step: "open",
    inputs: { address: ADDRESS, uid: ORDINARY_UID, gid: ORDINARY_UID },
    results: { backend: "vfio-group", node: "/dev/vfio/1", resettable: false },
  },
  {
    step: "config",
    inputs: { bytes: 256 },
    results: { id: "1234:11e8", className: "x", revision: 16, capabilities: ["msi at 0x40"], problems: 0 },
  },
  {
    step: "map",
    inputs: { bar: 0, livenessWritten: "0x00000000" },
    results: { size: 1048576, version: "1.0", livenessRead: "0xffffffff" },
  },
  { step: "factorial", inputs: { n: 5 }, results: { value: 120, trace: ["write 32 bar0 + 0x8 <- 0x5"] } },
  {
    step: "dma",
    inputs: { bytes: 4096, sha256: "aa", sourceIova: "0x1000", targetIova: "0x2000" },
    results: { sha256Back: "aa", equal: true, milliseconds: 200, lockedBytes: 8192 },
  },
  {
    step: "msi",
    inputs: { rounds: 20 },
    results: { events: 20, causesSeen: true, medianMicroseconds: 1500 },
  },
  {
    step: "isolation",
    inputs: { iova: "0x1000", bytes: 4096, sha256: "bb" },
    results: { wroteWhileMapped: true, sha256After: "bb", unchanged: true, explanation: "0x1000 is free" },
  },
  {
    step: "close",
    inputs: { address: ADDRESS, lockedBefore: 0 },
    results: { lockedBytes: 0, pinnedBytes: 0, useAfterClose: "ERR_CLOSED" },
  },
].map((step) => ({ ...step, durationMs: 1 }));

const answers: Record<string, object> = {
  list: { functions: [{ address: ADDRESS, className: "x", driver: null, iommuGroup: 1 }] },
  bind: {
    driver: "vfio-pci",
    formerDriver: null,
    nodes: { group: "/dev/vfio/1", device: null, iommu: null },
  },
  unbind: { address: ADDRESS, driver: null, changed: true },
};

/** A machine whose programs print what they are told to. */
function fakeMachine(
  guest: readonly object[],
  { code = 0, log = async () => FAULT, list = answers.list! } = {},
) {
  const commands: string[] = [];
  const machine: Machine = {
    kernel: "6.12",
    kind: "virtual machine",
    async run(argv, uid, onLine) {
      const words = argv.slice(2);
      if (uid === ORDINARY_UID) {
        commands.push(`guest ${words.join(" ")}`);
        for (const line of guest) onLine(JSON.stringify(line));
        return { code, stderr: "" };
      }
      commands.push(words.join(" "));
      onLine(JSON.stringify(words[0] === "list" ? list : answers[words[0]!]));
      return { code: 0, stderr: "" };
    },
    kernelLog: log,
    stoppedAccesses: async () => [
      { requester: "00:04.0", reason: 5, address: 0x1000n, write: true },
      { requester: "00:05.0", reason: 5, address: 0x1000n, write: true },
      { requester: "00:04.0", reason: 5, address: 0x2000n, write: true },
    ],
    [Symbol.asyncDispose]: async () => {},
  };
  return { machine, commands };
}

async function demo(machine: Machine) {
  const steps: StepReport[] = [];
  const error = await runDemo(machine, (step) => steps.push(step)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { steps, error };
}

describe("runDemo", () => {
  it("binds as root, drives as an ordinary user, and gives back, reporting every step in order", async () => {
    const { machine, commands } = fakeMachine(guestSteps);
    const { steps, error } = await demo(machine);
    expect(error).toBeUndefined();
    expect(steps.map(({ step }) => step)).toEqual(machineSteps);
    expect(commands).toEqual([
      "list --id 1234:11e8 --json",
      `bind ${ADDRESS} --user ${ORDINARY_UID} --json`,
      `guest ${ADDRESS}`,
      `unbind ${ADDRESS} --json`,
    ]);
  });

  it("waits for the kernel to print the fault, and adds it with what the IOMMU counted", async () => {
    let asked = 0;
    const { machine } = fakeMachine(guestSteps, {
      log: async () => (++asked < 3 ? "" : `[ 5.0] ${FAULT}\r\n`),
    });
    const { steps } = await demo(machine);
    expect(steps.find(({ step }) => step === "isolation")?.results).toMatchObject({
      unchanged: true,
      fault: FAULT,
      stoppedAccesses: 1,
    });
  });

  it("stops at a step that fails, with the error from beside the device, and gives the device back", async () => {
    const failed = {
      error: { code: "ERR_TIMEOUT", message: "the factorial took long", hint: "reset it", causes: [] },
    };
    const { machine, commands } = fakeMachine([...guestSteps.slice(0, 4), failed], { code: 1 });
    const { steps, error } = await demo(machine);
    expect(steps.at(-1)?.step).toBe("map");
    expect(isPciError(error, "ERR_TIMEOUT") && error.hint).toBe("reset it");
    expect(commands.at(-1)).toBe(`unbind ${ADDRESS} --json`);
  });

  it("fails if the part beside the device dies without a word", async () => {
    const { machine } = fakeMachine(guestSteps.slice(0, 2), { code: 139 });
    const { error } = await demo(machine);
    expect(isPciError(error) && error.message).toContain("status 139");
  });

  it("says so where there is no edu", async () => {
    const { machine, commands } = fakeMachine([], { list: { functions: [] } });
    const { error } = await demo(machine);
    // Without an option it boots nothing.
    expect(isPciError(error, "ERR_NO_DEVICE") && error.hint).toMatch(/^userpci demo --vm boots/);
    expect(commands).toHaveLength(1);
  });
});

describe("faultLine", () => {
  it("finds the fault of the device and range in question, and no other", () => {
    const other = FAULT.replace("00:04.0", "00:05.0");
    expect(faultLine(`x\n${other}\n${FAULT}\n`, ADDRESS, 0x1000n, 4096)).toBe(FAULT);
    expect(faultLine(other, ADDRESS, 0x1000n, 4096)).toBeUndefined();
    expect(faultLine(FAULT, ADDRESS, 0x2000n, 4096)).toBeUndefined();
    expect(faultLine(FAULT.replace("Write", "Read"), ADDRESS, 0x1000n, 4096)).toBeUndefined();
  });

  it("knows the form that names the domain, and kernels without PASID", () => {
    const old = "DMAR: [DMA Write] Request device [0000:00:04.0] fault addr 1ff0 [fault reason 05]";
    expect(faultLine(old.replace("1ff0", "0x1ff0"), ADDRESS, 0x1000n, 4096)).toContain("0x1ff0");
  });
});

describe("privacyHint", () => {
  it("names what an ordinary user may not read, and only then", () => {
    const home = mkdtempSync(join(tmpdir(), "userpci-private-"));
    try {
      const program = join(home, "packages/cli/guest.js");
      mkdirSync(join(home, "packages/cli"), { recursive: true });
      writeFileSync(program, "");
      chmodSync(program, 0o644);
      expect(privacyHint(program)).toBeUndefined();
      chmodSync(program, 0o600);
      expect(privacyHint(program)).toContain(`chmod -R go+rX ${home}`);
    } finally {
      rmSync(home, { recursive: true });
    }
  });
});

describe("stepLines", () => {
  it("puts every step into words", async () => {
    const { steps } = await demo(fakeMachine(guestSteps).machine);
    const lines = steps.flatMap((step) => stepLines(step, createStyle(false)));
    // A line each, and evidence: an access, what the domain knows, and the kernel's fault.
    expect(lines).toHaveLength(machineSteps.length + 3);
    expect(lines.join("\n")).not.toMatch(/undefined|NaN|\[object/);
    expect(lines).toContain("  ✓ factorial       the device says 5! = 120  1.0 ms");
    expect(lines).toContain(`                    ${FAULT}`);
  });
});
