import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { TestbedError, type TestbedErrorCode } from "./error.ts";

/** A program and its leading arguments: what runs it, ready for more arguments. */
export type Command = readonly [string, ...string[]];

/** The path of an executable on PATH, or undefined. */
export function findOnPath(name: string): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    if (!directory) continue;
    const path = join(directory, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return undefined;
}

/** How {@link runTool} reports a failure. */
export interface ToolOptions {
  readonly code: TestbedErrorCode;
  /** What to call the command in an error, when its arguments would hide it. */
  readonly name?: string;
  readonly hint?: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program on the host and returns its standard output.
 * @throws TestbedError with `options.code` when it cannot start or fails; its log is what the program printed.
 */
export function runTool(command: Command, args: readonly string[], options: ToolOptions): Promise<string> {
  const [file, ...leading] = command;
  const env = { ...process.env, LC_ALL: "C.UTF-8", ...options.env };
  return new Promise((resolve, reject) => {
    const settings = { env, maxBuffer: 64 * 1024 * 1024, ...(options.cwd ? { cwd: options.cwd } : {}) };
    execFile(file, [...leading, ...args], settings, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const { hint, name = [file, ...leading, ...args].join(" ") } = options;
      const summary = `${name}: ${describe(error)}`;
      reject(
        new TestbedError(options.code, summary, { hint, cause: error, log: (stderr || stdout).slice(-4000) }),
      );
    });
  });
}

function describe(error: Error & { code?: string | number | null; signal?: NodeJS.Signals | null }): string {
  if (error.signal) return `killed by ${error.signal}`;
  return typeof error.code === "number" ? `exit status ${error.code}` : (error.code ?? error.message);
}
