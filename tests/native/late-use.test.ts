import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

// Node's thread pool gets the bare address of the bytes it works on, and nothing can call it back. A mistake here ends
// the process, so each case has one of its own.

const prelude = `
  const { randomFill } = require("node:crypto");
  const { openSync, read, readFileSync, readdirSync, readlinkSync, write } = require("node:fs");
  const { setTimeout: delay } = require("node:timers/promises");
  const { parentPort, Worker } = require("node:worker_threads");
  const { deflate } = require("node:zlib");

  const SIZE = 32 * 2 ** 20;

  async function allocate(size = SIZE) {
    const { MemfdSource } = await import("@userpci/vfio-native");
    const memory = new MemfdSource().alloc(size);
    return { memory, bytes: new Uint8Array(memory.buffer) };
  }

  /** Closes memory while a call uses it, and prints how the call ended. */
  async function closeDuring(start) {
    const { memory, bytes } = await allocate();
    const ended = new Promise((resolve) => start(bytes, (error) => resolve(error?.code ?? "ended")));
    await delay(2);
    memory.close();
    console.log(bytes.length, await ended);
  }\n`;

/** Runs `body` in a process of its own. */
function run(body: string): { status: number | null; signal: string | null; stdout: string; stderr: string } {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    ["-e", `${prelude}(async () => {${body}})();`],
    { encoding: "utf8", cwd: fileURLToPath(new URL("..", import.meta.url)), timeout: 30_000 },
  );
  return { status, signal, stdout, stderr };
}

const sound = { status: 0, signal: null, stderr: "" };

describe("DMA memory closed while another thread uses its bytes", () => {
  it.each([
    ["crypto.randomFill", "await closeDuring((bytes, done) => randomFill(bytes, done));"],
    // With the default chunk size there is a second step, which finds no bytes: Node's own assertion ends the process then.
    [
      "zlib.deflate in one step",
      "await closeDuring((bytes, done) => deflate(bytes, { chunkSize: SIZE }, done));",
    ],
    [
      "fs.read",
      `const fd = openSync("/dev/urandom");
       await closeDuring((bytes, done) => read(fd, bytes, 0, SIZE, null, done));`,
    ],
    [
      "fs.write",
      `const { memory } = await allocate();
       const fd = openSync("/proc/self/fd/" + memory.file.fd, "r+");
       await closeDuring((bytes, done) => write(fd, bytes, done));`,
    ],
  ])("lets %s end", (_call, body) => {
    expect(run(body)).toEqual({ ...sound, stdout: "0 ended\n" });
  });

  it("is freed at once all the same", () => {
    const body = `
      await closeDuring((bytes, done) => randomFill(bytes, done));
      const files = readdirSync("/proc/self/fd").map((fd) => {
        try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; }
      });
      console.log([...files, readFileSync("/proc/self/maps", "utf8")].some((name) => name.includes("memfd:")));`;
    expect(run(body)).toEqual({ ...sound, stdout: "0 ended\nfalse\n" });
  });

  it.each([
    ["the process exits", ""],
    ["it is closed and the process exits", "memory.close();"],
  ])("is harmless when %s meanwhile", (_what, close) => {
    const body = `
      const { memory, bytes } = await allocate();
      randomFill(bytes, () => {});
      await delay(2);
      ${close}
      process.exit(0);`;
    expect(run(body)).toEqual({ ...sound, stdout: "" });
  });

  it.each([
    ["ends", "process.exit();"],
    ["is terminated", ""],
    ["closes it and ends", "memory.close(); process.exit();"],
    ["closes it and is terminated", "memory.close();"],
  ])("is harmless when the worker that has it %s meanwhile", (_what, end) => {
    const worker = `
      const { memory, bytes } = await allocate();
      randomFill(bytes, () => {});
      await delay(2);
      parentPort.postMessage("filling");
      ${end}
      await delay(1e6);`;
    const body = `
      for (let i = 0; i < 3; i++) {
        const worker = new Worker(${JSON.stringify(`${prelude}(async () => {${worker}})();`)}, { eval: true });
        await new Promise((resolve) => worker.once("message", resolve));
        await worker.terminate();
      }
      console.log("on");`;
    expect(run(body)).toEqual({ ...sound, stdout: "on\n" });
  });
});
