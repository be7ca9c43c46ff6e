import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";

const folder = mkdtempSync(join(tmpdir(), "userpci-code-"));
afterAll(() => rmSync(folder, { recursive: true }));

const cache = join(folder, "cache");
const code = join(cache, "userpci", "code");
const subject = join(folder, "subject-1.cjs");
/** The name under which this build of Node finds what was kept of the subject. */
const keptName = `subject-1.cjs-${process.version}-${process.arch}-${statSync(process.execPath).size}`;
const loader = new URL("../dist/code-cache.js", import.meta.url).href;

const isRoot = process.getuid!() === 0;
const NOBODY = 65_534;

/**
 * Loads the subject, or another file, in a process of its own.
 *
 * @param before program text that it runs first
 * @returns what it exports, and whether V8 took what was kept
 */
function load(
  env: Record<string, string> = {},
  before = "",
  path = subject,
): { answer: number; rejected: boolean | null } {
  const program = `
    ${before}
    const { createRequire } = await import("node:module");
    const { Script } = await import("node:vm");
    let rejected = null;
    const run = Script.prototype.runInThisContext;
    Script.prototype.runInThisContext = function () { rejected = this.cachedDataRejected ?? null; return run.call(this); };
    const { loadCompiled } = await import(${JSON.stringify(loader)});
    const { answer } = loadCompiled(${JSON.stringify(path)}, createRequire(import.meta.url));
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

describe("with what the build of the package made", () => {
  const packed = join(folder, keptName);

  beforeEach(() => {
    load();
    writeFileSync(packed, readFileSync(join(code, keptName)));
    rmSync(cache, { recursive: true });
  });
  afterEach(() => rmSync(packed));

  it("compiles nothing at the first run, and keeps nothing", () => {
    expect(load()).toEqual({ answer: 42, rejected: false });
    expect(existsSync(code)).toBe(false);
  });

  it("compiles nothing either where nothing can be kept", () => {
    expect(load({ XDG_CACHE_HOME: "", HOME: "" })).toEqual({ answer: 42, rejected: false });
    expect(load({ NODE_DISABLE_COMPILE_CACHE: "1" })).toEqual({ answer: 42, rejected: null });
  });

  it("does without what was damaged, and keeps its own", () => {
    const bytes = readFileSync(packed);
    bytes[50]! ^= 0xff;
    writeFileSync(packed, bytes);
    expect(load()).toEqual({ answer: 42, rejected: null });
    expect(load()).toEqual({ answer: 42, rejected: false });
    expect(readdirSync(code)).toHaveLength(1);
  });

  it("keeps its own where V8 refuses it, and does not ask again", () => {
    const otherFlags = `(await import("node:v8")).setFlagsFromString("--max-lazy");`;
    expect(load({}, otherFlags)).toEqual({ answer: 42, rejected: true });
    expect(load({}, otherFlags)).toEqual({ answer: 42, rejected: false });
  });
});

it("replaces what V8 refuses", () => {
  load();
  const [name] = readdirSync(code);
  writeFileSync(join(code, name!), "no code");
  expect(load()).toEqual({ answer: 42, rejected: null });
  expect(load()).toEqual({ answer: 42, rejected: false });
  writeFileSync(join(code, name!), "no code no code ");
  expect(load()).toEqual({ answer: 42, rejected: true });
  expect(load()).toEqual({ answer: 42, rejected: false });
});

it("does without what was damaged, and replaces it", () => {
  load();
  const path = join(code, readdirSync(code)[0]!);
  const bytes = readFileSync(path);
  bytes[50]! ^= 0xff;
  writeFileSync(path, bytes);
  expect(load()).toEqual({ answer: 42, rejected: null });
  expect(load()).toEqual({ answer: 42, rejected: false });
});

it("does not wait for a pipe in the place of what was kept", () => {
  load();
  const path = join(code, readdirSync(code)[0]!);
  rmSync(path);
  execFileSync("mkfifo", ["-m", "600", path]);
  expect(load()).toEqual({ answer: 42, rejected: null });
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

it("does not need to see Node's own file", () => {
  expect(load({}, `process.execPath = "/dev/null/node";`).answer).toBe(42);
});

it("does without where nothing can be kept, and where it is not wanted", () => {
  for (const place of ["/dev/null", "/proc", "/proc/self/fd", "relative"]) {
    expect(load({ XDG_CACHE_HOME: place }), place).toEqual({ answer: 42, rejected: null });
  }
  expect(existsSync("relative")).toBe(false);
  expect(load({ NODE_DISABLE_COMPILE_CACHE: "1" }).answer).toBe(42);
  expect(() => readdirSync(code)).toThrow();
});

it.each(["cache", "cache/userpci", "cache/userpci/code"])(
  "writes nothing where %s is not its own",
  (name) => {
    const path = join(folder, name);
    mkdirSync(path, { recursive: true });
    // Only root can give a folder away; to anybody else, one that others can write is as little their own.
    if (isRoot) chownSync(path, NOBODY, NOBODY);
    else chmodSync(path, 0o777);
    expect(load().answer).toBe(42);
    expect(readdirSync(path)).toEqual([]);
  },
);

it("writes nothing through a link at the name that a file has before it is whole", () => {
  const victim = join(folder, "victim");
  writeFileSync(victim, "precious");
  mkdirSync(code, { recursive: true, mode: 0o700 });
  const plant = `(await import("node:fs")).symlinkSync(${JSON.stringify(victim)}, ${JSON.stringify(join(code, keptName))} + "." + process.pid);`;
  expect(load({}, plant).answer).toBe(42);
  expect(readFileSync(victim, "utf8")).toBe("precious");
  expect(readdirSync(code)).not.toContain(keptName);
});

it.runIf(isRoot)("writes nothing through a link to its own folder that is another's (root can tell)", () => {
  const victim = mkdtempSync(join(folder, "victim-"));
  mkdirSync(cache);
  const link = join(cache, "userpci");
  symlinkSync(victim, link);
  lchownSync(link, NOBODY, NOBODY);
  expect(load().answer).toBe(42);
  expect(readdirSync(victim)).toEqual([]);
  lchownSync(link, 0, 0);
  load();
  expect(readdirSync(victim)).toEqual(["code"]);
});

it("keeps what it has of another version of the file, so that two may be used in turn", () => {
  const newer = join(folder, "subject-2.cjs");
  writeFileSync(newer, "exports.answer = () => 44;");
  const answers = [subject, newer, subject, newer].map((version) => load({}, "", version));
  expect(answers).toEqual([
    { answer: 42, rejected: null },
    { answer: 44, rejected: null },
    { answer: 42, rejected: false },
    { answer: 44, rejected: false },
  ]);
});

it("removes what it kept of the oldest versions of the file, and nothing else", () => {
  const others = ["subject-more-0.cjs-v20.0.0-x64", "other-0.cjs-v20.0.0-x64", "subject-1.cjs-v20.0.0-x64"];
  mkdirSync(code, { recursive: true, mode: 0o700 });
  const versions = [9, 8, 7, 6, 5, 4].map((version) => `subject-${version}.cjs-v20.0.0-x64`);
  for (const [age, name] of [...versions, ...others].entries()) {
    writeFileSync(join(code, name), "");
    utimesSync(join(code, name), 1e9 - age, 1e9 - age);
  }
  load();
  expect(readdirSync(code).sort()).toEqual([...others, ...versions.slice(0, 4), keptName].sort());
});
