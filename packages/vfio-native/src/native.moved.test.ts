import { describe, expect, it } from "vitest";
import { addonFile, runChild } from "./test/environments.ts";

// ArrayBuffer.prototype.transfer() moves the bytes of mapped memory to a buffer that may leave its thread.

/** What both threads of a child can call; `ask` answers with the next message of the worker. */
const common = `
  const { parentPort, Worker } = require("node:worker_threads");
  const page = native.pageSize();
  const mapping = (address) => fs.readFileSync("/proc/self/maps", "utf8").split("\\n").find((line) => {
    const [start, end] = line.split(/[- ]/).map((word) => Number.parseInt(word, 16));
    return start <= address && address < end;
  });
  const show = () => mapped(native.memfd("moved", page, 0, 0), 1);
  const ask = (worker) => new Promise((resolve) => worker.once("message", resolve));
`;

/** Starts `worker` in a child process, and runs `main` there with the first message as `said` when the worker has ended. */
function runPair(worker: string, main: string) {
  const head = `const native = require(${JSON.stringify(addonFile)});
    const fs = require("node:fs");
    const SHARED = [native.constants.PROT_READ | native.constants.PROT_WRITE, native.constants.MAP_SHARED];
    function mapped(fd, pages) {
      const length = pages * native.pageSize();
      const address = native.mmap(length, ...SHARED, fd, 0);
      return { address, buffer: native.view(address, length) };
    }`;
  const body = `${head}${common}${worker}\nsetInterval(() => {}, 1000);`;
  return runChild(`${common}
    (async () => {
      const worker = new Worker(${JSON.stringify(body)}, { eval: true });
      const said = await ask(worker);
      await worker.terminate();
      ${main}
    })();`);
}

const sound = { status: 0, signal: null, stderr: "" };

describe("bytes that a worker moved to another thread, and then ended", () => {
  it.each([
    ["open", ""],
    ["closed before", "native.retire(shown.buffer);"],
    ["closed after", ""],
  ])("can still be used, on memory that nobody else has: %s", (when, close) => {
    const result = runPair(
      `globalThis.kept = [show().buffer];
       const shown = show();
       kept.push(show().buffer);
       new Uint8Array(shown.buffer)[0] = 7;
       const bytes = shown.buffer.transfer?.();
       ${close}
       parentPort.postMessage({ bytes, address: shown.address }, bytes ? [bytes] : []);
       ${when === "closed after" ? "native.retire(shown.buffer);" : ""}`,
      `if (said.bytes === undefined) return console.log("none");
       const view = new Uint8Array(said.bytes);
       const first = view[0];
       view.fill(9);
       console.log(view.length === page, first, view[page - 1], / rw-p .* 0 +$/.test(mapping(said.address)));`,
    );
    expect(result).toMatchObject(sound);
    if (result.stdout === "none\n") {
      console.warn(
        `not tested: Node ${process.version} has no ArrayBuffer.prototype.transfer(), Node 22 has`,
      );
      expect("transfer" in ArrayBuffer.prototype).toBe(false);
    } else {
      expect(result.stdout).toBe("true 0 9 true\n");
    }
  });
});

describe("bytes that stayed in a worker's buffer", () => {
  it.each([
    ["open", "globalThis.kept = shown.buffer;"],
    ["closed", "native.retire(shown.buffer); globalThis.kept = shown.buffer;"],
    ["detached", "native.detach(shown.buffer); globalThis.kept = shown.buffer;"],
    ["copied", "globalThis.kept = [shown.buffer, shown.buffer.slice()];"],
  ])("are unmapped when it ends: %s", (_when, keep) => {
    const result = runPair(
      `const shown = show(); ${keep} parentPort.postMessage(shown.address);`,
      `console.log(mapping(said));`,
    );
    expect(result).toMatchObject({ ...sound, stdout: "undefined\n" });
  });
});
