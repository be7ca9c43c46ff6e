import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { TestbedError } from "./error.ts";
import type { Command } from "./tool.ts";

/** How many characters of what a program printed an error shows. */
const LOG_LENGTH = 4000;

/** How {@link runJob} runs a program. */
export interface JobOptions {
  /** What it is doing, for an error. */
  readonly name: string;
  readonly cwd: string;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Called with each line of standard output. */
  readonly onLine?: (line: string) => void;
  /** Ends it, with every process that it started. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program that works for minutes and starts many others. When this process dies, they end at the next line that they print, because nobody reads it.
 * @throws TestbedError ERR_TESTBED_PROVISION when it cannot start or fails, with the end of what it printed; the signal's reason.
 */
export async function runJob(command: Command, options: JobOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const [file, ...args] = command;
  const { cwd, env } = options;
  // A process group of its own, so that all of it can be ended at once.
  const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const stop = () => endGroup(child);
  options.signal?.addEventListener("abort", stop);
  try {
    await finish(child, options);
  } finally {
    options.signal?.removeEventListener("abort", stop);
  }
}

function finish(child: ChildProcess, { name, onLine, signal }: JobOptions): Promise<void> {
  let log = "";
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on("line", (line) => {
      log = `${log}${line}\n`.slice(-LOG_LENGTH);
      if (stream === child.stdout) onLine?.(line);
    });
  }
  return new Promise((resolve, reject) => {
    const fail = (how: string, cause?: Error) =>
      reject(
        signal?.aborted
          ? signal.reason
          : new TestbedError("ERR_TESTBED_PROVISION", `${name}: ${how}`, { cause, log }),
      );
    child.once("error", (cause) => fail(cause.message, cause));
    child.once("close", (code, killedBy) => {
      if (code === 0) resolve();
      else fail(killedBy ? `killed by ${killedBy}` : `exit status ${code}`);
    });
  });
}

function endGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}
