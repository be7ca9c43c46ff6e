// Child processes: one whose output matters only when it fails, and one that takes over the terminal.
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { constants as os } from "node:os";
import { delimiter, join } from "node:path";

/** A failure whose message is all that the user needs: no stack is printed for it. */
export class CommandError extends Error {
  /**
   * @param {string} message
   * @param {number} [status] exit status to end with
   */
  constructor(message, status = 1) {
    super(message);
    this.status = status;
  }
}

/** @typedef {{ cwd?: string, env?: Record<string, string> }} Options */

/**
 * The first executable file of that name on PATH.
 * @param {string} name
 * @returns {string | undefined}
 */
export function onPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/**
 * Runs a command without a terminal and returns what it printed on standard output.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Options} [options]
 * @returns {Promise<string>}
 * @throws {CommandError} with everything the command printed, when it does not end with status 0
 */
export async function capture(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  /** @type {Buffer[]} */
  const all = [];
  /** @type {Buffer[]} */
  const out = [];
  child.stdout.on("data", (chunk) => all.push(chunk) && out.push(chunk));
  child.stderr.on("data", (chunk) => all.push(chunk));
  const status = await ended(child);
  if (status === 0) return Buffer.concat(out).toString();
  const printed = Buffer.concat(all).toString().trimEnd();
  throw new CommandError(
    `${printed}\n\n${[command, ...args].join(" ")}\nended with status ${status}`,
    status,
  );
}

/**
 * Runs a command on this terminal and returns its exit status.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Options} [options]
 * @returns {Promise<number>}
 */
export async function attach(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: "inherit",
  });
  // A terminal sends its signals to the child as well: stay until the child has cleaned up.
  const wait = () => {};
  const stop = () => child.kill("SIGTERM");
  process.on("SIGINT", wait).on("SIGTERM", stop);
  try {
    return await ended(child);
  } finally {
    process.off("SIGINT", wait).off("SIGTERM", stop);
  }
}

/**
 * @param {import("node:child_process").ChildProcess} child
 * @returns {Promise<number>} exit status, or 128 + the signal's number as a shell reports it
 */
function ended(child) {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new CommandError(`${child.spawnfile}: ${error.message}`)));
    child.once("close", (code, signal) => resolve(code ?? 128 + os.signals[signal ?? "SIGKILL"]));
  });
}
