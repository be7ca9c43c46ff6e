import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, it } from "vitest";
import { eduTests } from "../vm/edu/tests.ts";

const inTree = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "edu-"));
const path = (index: number): string => join(folder, `s.${index}`);
let server: ChildProcess;

// The wall's clock, since the tests compare with it.
beforeAll(async () => {
  const argv = [inTree("tests/vfio-user/models/edus.mjs"), "--socket", join(folder, "s"), "--real-time"];
  server = spawn(process.execPath, [inTree("packages/cli/bin/userpci.js"), "serve", ...argv], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let serving = 0;
  for await (const line of createInterface({ input: server.stdout! })) {
    if (line.startsWith("serving") && ++serving === 4) break;
  }
  server.stdout!.resume();
});

afterAll(async () => {
  const closed = once(server, "close");
  server.kill();
  await closed;
  rmSync(folder, { recursive: true });
});

describe("the edu driver over vfio-user, as on QEMU's edu", () => {
  const places = { edu: path(0), second: path(1), third: path(2), other: path(3) };
  it.each(Object.entries(eduTests(places)))("%s", async (_name, test) => {
    await test();
  });
});
