import { rmSync } from "node:fs";

/** What a terminal or the system ends a process with. */
const endings = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Removes a directory when this process ends, also by SIGINT, SIGTERM or SIGHUP; only SIGKILL leaves it.
 *
 * @returns removes it now, and forgets it
 */
export function removedAtEnd(directory: string): () => void {
  const remove = (): void => {
    process.off("exit", remove);
    for (const signal of endings) process.off(signal, onSignal);
    rmSync(directory, { recursive: true, force: true });
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    remove();
    // As it would have been without a listener, unless there is another one.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  process.on("exit", remove);
  for (const signal of endings) process.on(signal, onSignal);
  return remove;
}
