import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** How often is looked for what was written since, in milliseconds. */
const POLL_MS = 25;

/** What is written while it is read. */
export interface Writing {
  /** Whether nothing more is written. */
  ended: boolean;
}

/** Paths of files in a folder, each as soon as it is there. */
export async function* newFiles(folder: string, writing: Writing): AsyncGenerator<string, void> {
  const seen = new Set<string>();
  for (;;) {
    const { ended } = writing;
    for (const name of await readdir(folder)) {
      if (seen.has(name)) continue;
      seen.add(name);
      yield join(folder, name);
    }
    if (ended) return;
    await setTimeout(POLL_MS);
  }
}

/** The bytes of a file, as they are written to it. */
export async function* followFile(path: string, writing: Writing): AsyncGenerator<Uint8Array, void> {
  await using file = await open(path);
  for (;;) {
    const { ended } = writing;
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.alloc(64 * 1024) });
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
    else if (ended) return;
    else await setTimeout(POLL_MS);
  }
}
