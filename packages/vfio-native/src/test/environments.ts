import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

// Code that may end its process or its thread runs in one of its own, as plain JavaScript with `native` in scope.

/** The compiled addon's file. */
export const addonFile = (
  createRequire(import.meta.url)("node-gyp-build") as { path(folder: string): string }
).path(fileURLToPath(new URL("../..", import.meta.url)));

function prelude(file: string): string {
  return `const native = require(${JSON.stringify(file)});
    const { constants } = native;
    const fs = require("node:fs");
    const SHARED = [constants.PROT_READ | constants.PROT_WRITE, constants.MAP_SHARED];
    function mapped(fd, pages) {
      const length = pages * native.pageSize();
      const address = native.mmap(length, ...SHARED, fd, 0);
      if (address < 0) throw new Error("mmap " + address);
      return { address, length, words: new Int32Array(native.view(address, length)) };
    }\n`;
}

/** Runs `body` in a Node process of its own and waits for its end. */
export function runChild(
  body: string,
  env: NodeJS.ProcessEnv = {},
  cwd = process.cwd(),
): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ["-e", prelude(addonFile) + body], {
    encoding: "utf8",
    cwd,
    env: { ...process.env, ...env },
    timeout: 55_000,
    killSignal: "SIGKILL",
  });
}

/** Starts `body` in a worker, which sees `data` as `workerData` and the main thread as `parentPort`. */
export function startWorker(body: string, data: unknown = undefined, file = addonFile): Worker {
  const head = `const { parentPort, workerData } = require("node:worker_threads");\n`;
  return new Worker(head + prelude(file) + body, { eval: true, workerData: data });
}

/** The exit code of a worker, whether it ends by an error or not; undefined if it has ended before: nobody tells it then. */
export function ended(worker: Worker): Promise<number | undefined> {
  const isOver = worker.threadId < 0;
  return new Promise((resolve) => (isOver ? resolve(undefined) : worker.once("exit", resolve)));
}

/** The next message of a worker; rejects if it ends first. */
export function message(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("exit", (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}
