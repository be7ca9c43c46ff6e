import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

// A thread that blocks runs no JavaScript, so what ends it must wake it. A mistake here keeps a process alive for ever, so
// each case has one of its own.

const built = (file: string): string =>
  JSON.stringify(new URL(`../../packages/vfio-native/dist/${file}.js`, import.meta.url).href);

const modules = `
  const { setTimeout: delay } = require("node:timers/promises");
  const { parentPort, Worker, workerData } = require("node:worker_threads");
  const load = async () => ({
    ...(await import(${built("eventfd-target")})),
    ...(await import(${built("adopt-irq-target")})),
    native: (await import(${built("native")})).loadNative(),
  });\n`;

const waiter = `${modules}
  load().then(({ EventfdTarget, adoptIrqTarget, native }) => {
    const target = workerData === null ? new EventfdTarget(native) : adoptIrqTarget(workerData);
    parentPort.postMessage("waits");
    target.waitSync(0x7fff_ffff, 1000);
  });`;

/** Runs `end` in a process of its own, while a worker of it waits for an event of its own target or one that it adopted. */
function run(target: string, end: string): { status: number | null; stdout: string; stderr: string } {
  const main = `${modules}
    load().then(async ({ EventfdTarget, native }) => {
      const target = new EventfdTarget(native);
      const workerData = ${target === "its own" ? "null" : "target.share()"};
      const worker = new Worker(${JSON.stringify(waiter)}, { eval: true, workerData });
      await new Promise((resolve) => worker.once("message", resolve));
      // Longer than it takes to fall asleep a second time.
      await delay(250);
      ${end}
    });`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", main], {
    encoding: "utf8",
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    timeout: 10_000,
    killSignal: "SIGKILL",
  });
  return { status, stdout, stderr };
}

describe.each(["its own", "an adopted"])("a worker that waits for an event of %s target", (target) => {
  it("can be terminated", () => {
    const end = `
      const start = performance.now();
      console.log(await worker.terminate(), performance.now() - start < 5000);`;
    expect(run(target, end)).toEqual({ status: 0, stdout: "1 true\n", stderr: "" });
  });

  it("does not keep a process that exits", () => {
    expect(run(target, "process.exit(3);")).toEqual({ status: 3, stdout: "", stderr: "" });
  });

  it("does not keep a process that an exception ends", () => {
    const { status, stderr } = run(target, `throw new Error("deliberate");`);
    expect([status, stderr]).toEqual([1, expect.stringContaining("deliberate")]);
  });
});
