import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { built, NIC } from "./waiting-machine.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-lock-"));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("FunctionLock", () => {
  it("is had by one of several processes at a time, also where each leaves it without release", async () => {
    // Each takes it, marks the time that it has it, and dies with it: the next must find that out.
    const program = `
      import { mkdirSync, rmdirSync } from "node:fs";
      import { FunctionLock } from "${built("lock.js")}";
      import { recordOf } from "${built("lock-record.js")}";
      const record = recordOf("bind", "${NIC}");
      const mark = ${JSON.stringify(join(root, "mark"))};
      for (;;) {
        const taken = await FunctionLock.take(record, { root: ${JSON.stringify(root)} });
        if (!(taken instanceof FunctionLock)) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        mkdirSync(mark);
        await new Promise((resolve) => setTimeout(resolve, 3));
        rmdirSync(mark);
        process.kill(process.pid, "SIGKILL");
      }`;
    const ends = Array.from({ length: 12 }, async () => {
      const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "pipe" });
      const [errors, [, signal]] = await Promise.all([text(child.stderr), once(child, "close")]);
      return { errors, signal };
    });
    for (const end of await Promise.all(ends)) expect(end).toEqual({ errors: "", signal: "SIGKILL" });
  });
});
