import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const inTree = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** What a program of `examples/` prints. */
async function run(program: string, ...args: string[]): Promise<string> {
  const argv = [inTree(`examples/dist/${program}`), ...args];
  const { stdout } = await promisify(execFile)(process.execPath, argv, { timeout: 30_000 });
  return stdout;
}

it("the device of the README is driven", async () => {
  expect(await run("doubler.js")).toBe("42\n");
});

it("the guide's driver drives the guide's device in its own process", async () => {
  expect(await run("add.js")).toBe("the sum is 12288\n");
});

it("the guide's driver drives the guide's device in the process of `userpci serve`", async () => {
  const folder = mkdtempSync(join(tmpdir(), "adder-"));
  const socket = join(folder, "adder.sock");
  const argv = [
    inTree("packages/cli/bin/userpci.js"),
    "serve",
    inTree("examples/dist/adder.js"),
    "--socket",
    socket,
  ];
  const server = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  const closed = once(server, "close");
  try {
    const [line] = await once(server.stdout, "data");
    expect(String(line)).toContain(`at ${socket}`);
    server.stdout.resume();
    expect(await run("add.js", socket)).toBe("the sum is 12288\n");
  } finally {
    server.kill();
    await closed;
    rmSync(folder, { recursive: true });
  }
});
