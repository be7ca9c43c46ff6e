import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { conformance, type Subject } from "@userpci/conformance";
import { vfioUser } from "@userpci/vfio-user/client";
import ts from "typescript";
import { afterAll, expect, it } from "vitest";
import { kernelUses } from "../vm/conformance/uses.ts";
import { roundTrip, startEdu } from "../vm/harness/edu-registers.ts";

/** The addresses that the functions have here, as on the machine that the kernel's backends are tried on. */
const at = { main: "0000:01:00.0", edu: "0000:00:04.0", wideEdu: "0000:00:05.0" } as const;
const pathOf = (name: string): string => `@userpci-conformance-${process.pid}-${name}`;
const names = Object.keys(at) as (keyof typeof at)[];

const source = readFileSync(new URL("controller.ts", import.meta.url), "utf8");
const { outputText: controllerSource } = ts.transpileModule(source, {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
});
const worker = new Worker(new URL("serve-worker.mjs", import.meta.url), {
  workerData: { paths: Object.fromEntries(names.map((name) => [name, pathOf(name)])), controllerSource },
});
await once(worker, "message");
afterAll(async () => {
  const exited = once(worker, "exit");
  worker.postMessage("close");
  await exited;
});

let asked = 0;

/** Has the worker do something, and waits until it is done. */
async function ask(what: { readonly remove: string } | { readonly restore: string }): Promise<void> {
  const id = ++asked;
  worker.postMessage({ id, ...what });
  for (;;) {
    const [answer] = (await once(worker, "message")) as [{ readonly id: number }];
    if (answer.id === id) return;
  }
}

const noVectors = { intx: 0, msi: 0, msix: 0, err: 0, req: 1 };

const subject: Subject = {
  backend: "vfio-user",
  create: () => vfioUser(Object.fromEntries(names.map((name) => [at[name], pathOf(name)]))),
  main: {
    address: at.main,
    ids: 0x0010_1b36,
    resettable: true,
    vectors: { ...noVectors, intx: 1, msix: 65, err: 1 },
    bar: 0,
    msixTable: { region: 0, offset: 0x2000 },
  },
  withoutReset: {
    address: at.edu,
    ids: 0x11e8_1234,
    resettable: false,
    vectors: { ...noVectors, intx: 1, msi: 1 },
    bar: 0,
  },
  copier: {
    address: at.wideEdu,
    addressBits: 64,
    start(device) {
      const bar = startEdu(device);
      return { most: 4096, copy: (from, to, size) => roundTrip(bar, from, to, size) };
    },
  },
  unplug: { remove: () => ask({ remove: "main" }), restore: () => ask({ restore: "main" }) },
  missing: "0000:00:1e.7",
  malformed: "",
  pageSize: 4096,
  reserved: { start: 0xfee0_0000n, last: 0xfeef_ffffn },
  features: ["reset", "msix-resize", "dma-logging"],
  uses: kernelUses,
};

const lines: string[] = [];
for (const { name, run } of conformance(subject, { report: (line) => lines.push(line) })) it(name, run);

/**
 * As many as on the kernel's container, by chance: what pairs of functions would add is made up for by refusals of what is not
 * there, more than the kernel lacks.
 */
const OBSERVATIONS = 560;

it("what is left out is what the protocol has not", () => {
  expect(lines).toEqual([
    "vfio-user: left out: groups of two functions (the subject has no pair)",
    "vfio-user: left out: a hot reset of two functions (the subject has no pair)",
    `vfio-user: 49 tests, ${OBSERVATIONS} observations, 8 listed differences met, 12 absent features refused`,
  ]);
});
