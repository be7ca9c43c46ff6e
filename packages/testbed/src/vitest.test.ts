import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";

const setup = new URL("../dist/vitest.js", import.meta.url).href;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "userpci-setup-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Runs the set-up in a process of its own, which then does something. Resolves with how it ended. */
async function setUp(then: string, signal?: NodeJS.Signals): Promise<[number | null, string | null]> {
  const program = `
    import { vmSetup } from "${setup}";
    const tearDown = await vmSetup({})();
    console.log("ready");
    ${then}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    env: { ...process.env, TMPDIR: folder },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  await once(child.stdout, "data");
  if (signal !== undefined) {
    expect(await readdir(folder)).toHaveLength(1);
    child.kill(signal);
  }
  return ended;
}

it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
  "%s ends the process, and leaves no directory",
  async (signal) => {
    expect(await setUp("", signal)).toEqual([null, signal]);
    expect(await readdir(folder)).toEqual([]);
  },
);

it("a signal that somebody else handles is left to them", async () => {
  expect(await setUp('process.on("SIGINT", () => process.exit(7));', "SIGINT")).toEqual([7, null]);
  expect(await readdir(folder)).toEqual([]);
});

it("neither does process.exit(), nor the tear-down, which leaves no listener either", async () => {
  await setUp("process.exit();");
  expect(await readdir(folder)).toEqual([]);
  expect(await setUp('await tearDown(); process.exit(process.listenerCount("SIGINT"));')).toEqual([0, null]);
  expect(await readdir(folder)).toEqual([]);
});
