import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { Script } from "node:vm";

/** What CommonJS code is given. */
const parameters = "exports, require, module, __filename, __dirname";

/** Bits of a mode that let others write. */
const OTHERS_WRITE = 0o022;

/**
 * Loads a CommonJS file with what V8 made of it the last time, and keeps that for the next time when the process ends. A
 * command that takes tens of milliseconds spends half of them on compiling. The result is kept under the user's cache
 * directory, and used only if nobody else can have written it: it is code.
 *
 * Whatever prevents keeping it costs time only. `NODE_DISABLE_COMPILE_CACHE=1` switches it off, as it does Node's own.
 *
 * @param path of a file whose name changes with its content
 * @param require what the file requires by
 */
export function loadCompiled(path: string, require: NodeJS.Require): object {
  const source = readFileSync(path, "utf8");
  const kept = keptPath(path);
  const cachedData = kept === undefined ? undefined : readOwn(kept);
  const script = new Script(`(function (${parameters}) {${source}\n})`, {
    filename: path,
    ...(cachedData && { cachedData }),
  });
  if (kept !== undefined && (cachedData === undefined || script.cachedDataRejected)) {
    process.once("exit", () => keep(kept, script));
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, path, dirname(path));
  return module.exports;
}

/** Where the result is kept, if it is. V8 refuses what another version of it made; so each has a file of its own. */
function keptPath(path: string): string | undefined {
  if (process.env["NODE_DISABLE_COMPILE_CACHE"] === "1") return undefined;
  const { HOME, XDG_CACHE_HOME } = process.env;
  const root = XDG_CACHE_HOME || (HOME && join(HOME, ".cache"));
  if (!root) return undefined;
  return join(root, "userpci", "code", `${basename(path)}-${process.version}-${process.arch}`);
}

/** The content of a file that is this user's alone, as is its directory; undefined for any other. */
function readOwn(path: string): Buffer | undefined {
  try {
    if (!isOwn(statSync(dirname(path)))) return undefined;
    const file = openSync(path, "r");
    try {
      return isOwn(fstatSync(file)) ? readFileSync(file) : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

function isOwn({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & OTHERS_WRITE) === 0;
}

function keep(path: string, script: Script): void {
  const partial = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(partial, script.createCachedData(), { mode: 0o600 });
    renameSync(partial, path);
  } catch {
    // A full disk, a home that cannot be written: the next time compiles again.
  }
}
