import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { publishFile, withLock } from "./cache.ts";
import type { OnProgress } from "./progress.ts";

/** A package of Debian in the cache. */
export interface Chosen {
  /** Debian's version of it, such as `1:3.15.0-2`. */
  readonly version: string;
  /** Name of the folder in the cache where it was unpacked. */
  readonly folder: string;
}

/**
 * What a file of the cache names; if there is none, or what it names is not there, what is fetched now, by one process at a time.
 *
 * @param index name of the file
 * @param fetch unpacks the package into the cache
 */
export async function choose(
  cache: string,
  index: string,
  fetch: () => Promise<Chosen>,
  onProgress: OnProgress | undefined,
): Promise<Chosen> {
  const path = join(cache, index);
  const onWait = () => onProgress?.("another process is provisioning: waiting for it");
  const chosen = await readChosen(cache, path);
  if (chosen !== undefined) return chosen;
  return withLock(cache, onWait, async () => {
    const theirs = await readChosen(cache, path);
    if (theirs !== undefined) return theirs;
    const fetched = await fetch();
    await publishFile(path, `${JSON.stringify(fetched, null, 2)}\n`);
    return fetched;
  });
}

async function readChosen(cache: string, path: string): Promise<Chosen | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const chosen = JSON.parse(text) as Chosen;
  return existsSync(join(cache, chosen.folder)) ? chosen : undefined;
}
