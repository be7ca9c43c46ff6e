import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { expectShortRun } from "../../packages/cli/src/tier-up.ts";
import { lengthen } from "./sparse.mjs";

// What depends on the version of Node: `npm run test:nodes` runs it on others than this one.

const folder = mkdtempSync(join(tmpdir(), "userpci-short-run-"));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.restoreAllMocks());

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));
const corpus = new URL("corpus/", import.meta.url);

/** Defaults of the flags that this version of V8 has. */
function defaultFlags(): ReadonlyMap<string, number> {
  const options = execFileSync(process.execPath, ["--v8-options"], { encoding: "utf8", maxBuffer: 1 << 24 });
  const numbers = options.matchAll(/type: int +default: --([\w-]+)=(-?\d+)/g);
  return new Map([...numbers].map(([, name, value]) => [name!, Number(value)]));
}

it("has V8 optimize 32 times later than it does by default", () => {
  const defaults = defaultFlags();
  const set = vi
    .spyOn(process.getBuiltinModule("node:v8"), "setFlagsFromString")
    .mockImplementation(() => undefined);
  expectShortRun();
  const flags = set.mock.calls.map(([flag]) => /^--([\w-]+)=(\d+)$/.exec(flag)!);
  expect(flags).not.toEqual([]);
  expect(flags.map(([, name, value]) => [name, Number(value) / 32])).toEqual(
    flags.map(([, name]) => [name, defaults.get(name!)]),
  );
});

it.each(readdirSync(corpus))("prints %s without a word on standard error, also from what it kept", (file) => {
  const dump = join(folder, file);
  writeFileSync(dump, lengthen(readFileSync(new URL(file, corpus), "utf8")));
  const env = { ...process.env, XDG_CACHE_HOME: join(folder, "cache"), NODE_DISABLE_COMPILE_CACHE: "" };
  const run = () =>
    spawnSync(process.execPath, [userpci, "lspci", "-F", dump, "-vv"], { encoding: "latin1", env });
  const runs = [run(), run()];
  for (const { stdout, stderr, status } of runs) {
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
    expect(stdout).toMatch(/^\S+ .*: /);
    expect(stdout).toBe(runs[0]!.stdout);
  }
});
