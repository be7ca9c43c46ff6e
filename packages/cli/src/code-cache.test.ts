import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "userpci-code-"));
afterAll(() => rmSync(folder, { recursive: true }));

const cache = join(folder, "cache");
const code = join(cache, "userpci", "code");
const subject = join(folder, "subject-1.cjs");
const loader = new URL("../dist/code-cache.js", import.meta.url).href;

/** Loads the subject in a process of its own. @returns what it exports, and whether V8 took what was kept */
function load(env: Record<string, string> = {}): { answer: number; rejected: boolean | null } {
  const program = `
    const { createRequire } = await import("node:module");
    const { Script } = await import("node:vm");
    let rejected = null;
    const run = Script.prototype.runInThisContext;
    Script.prototype.runInThisContext = function () { rejected = this.cachedDataRejected ?? null; return run.call(this); };
    const { loadCompiled } = await import(${JSON.stringify(loader)});
    const { answer } = loadCompiled(${JSON.stringify(subject)}, createRequire(import.meta.url));
    console.log(JSON.stringify({ answer: answer(), rejected }));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
    env: { ...process.env, XDG_CACHE_HOME: cache, ...env },
  });
  return JSON.parse(output);
}

beforeEach(() => {
  rmSync(cache, { recursive: true, force: true });
  writeFileSync(
    subject,
    `const { sep } = require("node:path"); exports.answer = () => sep === "/" ? 42 : 43;`,
  );
});

it("keeps what V8 made of a file, and gives it to V8 the next time", () => {
  expect(load()).toEqual({ answer: 42, rejected: null });
  expect(readdirSync(code)).toHaveLength(1);
  expect(statSync(code).mode & 0o077).toBe(0);
  expect(load()).toEqual({ answer: 42, rejected: false });
});

it("replaces what V8 refuses", () => {
  load();
  const [name] = readdirSync(code);
  writeFileSync(join(code, name!), "no code");
  expect(load()).toEqual({ answer: 42, rejected: true });
  expect(load()).toEqual({ answer: 42, rejected: false });
});

it("uses nothing that others can write, or have written", () => {
  load();
  chmodSync(code, 0o777);
  expect(load().rejected).toBeNull();
  chmodSync(code, 0o700);
  const [name] = readdirSync(code);
  chmodSync(join(code, name!), 0o666);
  expect(load().rejected).toBeNull();
});

it("does without where nothing can be kept, and where it is not wanted", () => {
  expect(load({ XDG_CACHE_HOME: "/dev/null" })).toEqual({ answer: 42, rejected: null });
  expect(load({ NODE_DISABLE_COMPILE_CACHE: "1" }).answer).toBe(42);
  expect(() => readdirSync(code)).toThrow();
});
