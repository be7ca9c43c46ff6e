import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { TestbedError } from "./error.ts";

const PARTIAL = ".partial-";
const LOCK_POLL_MS = 200;
const REMOVE = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 };

/**
 * The directory of everything fetched: `$USERPCI_CACHE`, else `$XDG_CACHE_HOME/userpci`, else `~/.cache/userpci`, and `testbed` below it.
 */
export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const base = env["USERPCI_CACHE"] || join(env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "userpci");
  return join(base, "testbed");
}

/** A version as part of a path: without its epoch, whose colon would split search paths. */
export function folderName(version: string): string {
  return version.replace(/^\d+:/, "").replace(/[^\w.+~-]/g, "_");
}

/**
 * Creates `path` (a file or a directory) in one step: `make` fills a temporary path beside it, which is then renamed. When another process
 * was first, its result stays. A crash leaves only a temporary path, which the next holder of the lock removes.
 */
export async function publish(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  const scratch = await mkdtemp(join(folder, PARTIAL));
  try {
    const temporary = join(scratch, basename(path));
    await make(temporary);
    await rename(temporary, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Writes a small file in one step, replacing an older one. */
export async function publishFile(path: string, content: string | Uint8Array): Promise<void> {
  await publish(path, (temporary) => writeFile(temporary, content));
}

/**
 * Runs `work` while no other process of this machine does so for the same directory. The lock is a socket name that the kernel drops with its
 * holder, so a killed process never leaves it behind. It saves work; {@link publish} alone keeps the cache correct.
 * `signal` gives up waiting.
 */
export async function withLock<T>(
  directory: string,
  onWait: () => void,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  await ensureWritable(directory);
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 32);
  let server = await tryLock(name);
  if (!server) onWait();
  while (!server) {
    await delay(LOCK_POLL_MS);
    signal?.throwIfAborted();
    server = await tryLock(name);
  }
  try {
    await removePartials(directory);
    return await work();
  } finally {
    server.close();
  }
}

/** Makes the cache directory, or says how to choose another one. */
async function ensureWritable(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK);
  } catch (cause) {
    throw new TestbedError("ERR_TESTBED_PROVISION", `the cache directory ${directory} cannot be written`, {
      cause,
      hint: "set USERPCI_CACHE to a directory that you may write",
    });
  }
}

function tryLock(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(undefined) : reject(error),
    );
    server.listen(`\0userpci-testbed-${name}`, () => resolve(server));
  });
}

async function removePartials(directory: string): Promise<void> {
  if (!existsSync(directory)) return;
  for (const name of await readdir(directory)) {
    // A killed build may still write for a moment.
    if (name.startsWith(PARTIAL)) await rm(join(directory, name), REMOVE);
  }
}
