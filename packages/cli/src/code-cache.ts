import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, isAbsolute, join } from "node:path";
import { Script } from "node:vm";

/** What CommonJS code is given, and a function for what it imports: V8 keeps none for code that it has compiled before. */
const parameters = "exports, require, module, __filename, __dirname, importModule";

/** Imports a module by its path from the folder of the bundles, or by its name. */
export type ImportModule = (specifier: string) => Promise<unknown>;

/** Files of other versions of a bundle that are kept beside its own. */
const MOST_OTHERS = 4;

/** Bits of a mode that let others write. */
const OTHERS_WRITE = 0o022;

/**
 * Loads a CommonJS file with what V8 made of it: the last time, or when the package was built, if that was with this build of
 * Node; of what has neither, it is kept for the next time when the process ends. A command that takes tens of milliseconds
 * spends half of them on compiling. The result is kept under the user's cache directory, and used only if nobody else can have
 * written it: it is code. Nothing is written in another user's folders, which `sudo` may leave in `HOME`.
 *
 * Whatever prevents keeping it costs time only. `NODE_DISABLE_COMPILE_CACHE=1` switches it off, as it does Node's own.
 *
 * @param path of a file whose name ends in a dash, a hash of its content, and `.cjs`
 * @param require what the file requires by
 * @param importModule what it imports by
 */
export function loadCompiled(path: string, require: NodeJS.Require, importModule?: ImportModule): object {
  const isWanted = process.env["NODE_DISABLE_COMPILE_CACHE"] !== "1";
  const kept = isWanted ? keptPath(path) : undefined;
  const own = kept === undefined ? undefined : readOwn(kept);
  const cachedData = isWanted ? (own ?? readPacked(path)) : undefined;
  const script = compile(path, cachedData);
  if (kept !== undefined && (cachedData === undefined || script.cachedDataRejected)) {
    process.once("exit", () => keep(kept, basename(path), script));
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, path, dirname(path), importModule);
  return module.exports;
}

/**
 * The function that a CommonJS file is the body of.
 *
 * @param cachedData what V8 made of it before
 * @param filename where it is, for stack traces
 */
export function compile(path: string, cachedData?: Buffer, filename = path): Script {
  const source = readFileSync(path, "utf8");
  return new Script(`(function (${parameters}) {${source}\n})`, {
    filename,
    ...(cachedData && { cachedData }),
  });
}

/** Where the build of the package puts what V8 made of a file: beside it. */
export function packedPath(path: string): string {
  return `${path}-${nodeBuild()}`;
}

/** What goes into a file for {@link loadCompiled}: see {@link undoubled}. */
export function doubled(data: Buffer): Buffer {
  return Buffer.concat([data, data]);
}

/**
 * Tells builds of Node apart. V8 refuses what another version of it made, but not what another build of that version did, where
 * the objects that code refers to may lie elsewhere.
 */
function nodeBuild(): string {
  return `${process.version}-${process.arch}-${nodeSize()}`;
}

/** Bytes of Node's own file; 0 if that cannot be looked at. */
function nodeSize(): number {
  try {
    return statSync(process.execPath).size;
  } catch {
    return 0;
  }
}

/** Where the result is kept, if there is a place; that of each build of Node in a file of its own. */
function keptPath(path: string): string | undefined {
  const { HOME, XDG_CACHE_HOME } = process.env;
  const root = XDG_CACHE_HOME || (HOME && join(HOME, ".cache"));
  if (!root || !isAbsolute(root)) return undefined;
  return join(root, "userpci", "code", `${basename(path)}-${nodeBuild()}`);
}

/** What was kept in a file that is this user's alone, as is its directory; undefined for any other, and for a damaged one. */
function readOwn(path: string): Buffer | undefined {
  try {
    if (!isOwnFolder(dirname(path))) return undefined;
    // A pipe of that name would be waited for.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
    try {
      const status = fstatSync(file);
      return isOwn(status) && status.isFile() ? undoubled(readFileSync(file)) : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** What the build made, with this build of Node. Whoever can write it can write the file beside it too. */
function readPacked(path: string): Buffer | undefined {
  try {
    return undoubled(readFileSync(packedPath(path)));
  } catch {
    return undefined;
  }
}

/**
 * The first of two equal halves; undefined if they are not. V8 runs damaged code, and dies of it: so it is kept twice. To
 * compare takes less than any checksum, whose module would have to be loaded.
 */
function undoubled(bytes: Buffer): Buffer | undefined {
  const half = bytes.subarray(0, bytes.length / 2);
  return half.equals(bytes.subarray(half.length)) ? half : undefined;
}

function isOwn({ uid, mode }: { uid: number; mode: number }): boolean {
  return uid === process.geteuid?.() && (mode & OTHERS_WRITE) === 0;
}

/** Whether a folder is this user's alone, and so is the link that leads there, if it is one. */
function isOwnFolder(path: string): boolean {
  return lstatSync(path).uid === process.geteuid?.() && isOwn(statSync(path));
}

/** The folder, or what there is of the path to it. */
function nearest(folder: string): string {
  return lstatSync(folder, { throwIfNoEntry: false }) ? folder : nearest(dirname(folder));
}

function keep(path: string, bundle: string, script: Script): void {
  const folder = dirname(path);
  try {
    if (!isOwnFolder(nearest(folder))) return;
    makeFolder(folder);
    replace(path, doubled(script.createCachedData()));
    removeOldest(folder, bundle);
  } catch {
    // A full disk, a home that cannot be written: the next time compiles again.
  }
}

/** Makes a folder and those above it, one by one: below `/proc` Node's own way never ends. */
function makeFolder(folder: string): void {
  if (lstatSync(folder, { throwIfNoEntry: false })) return;
  makeFolder(dirname(folder));
  mkdirSync(folder, 0o700);
}

/** Writes a file that appears whole. What lies at its name for the meantime is not written through, and stays. */
function replace(path: string, data: Uint8Array): void {
  const partial = `${path}.${process.pid}`;
  const file = openSync(partial, "wx", 0o600);
  try {
    writeFileSync(file, data);
    renameSync(partial, path);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  } finally {
    closeSync(file);
  }
}

/** Removes what was kept of other versions of a bundle, but for a few that may be used in turn. */
function removeOldest(folder: string, bundle: string): void {
  const others = readdirSync(folder)
    .filter((name) => !name.startsWith(bundle) && withoutHash(name) === withoutHash(bundle))
    .map((name) => ({ path: join(folder, name), keptAt: lstatSync(join(folder, name)).mtimeMs }))
    .sort((one, other) => other.keptAt - one.keptAt);
  for (const { path } of others.slice(MOST_OTHERS)) rmSync(path, { force: true });
}

/** A bundle's name without what tells its versions apart. */
const withoutHash = (name: string): string => name.replace(/-[^-.]+\.cjs.*$/, "");
