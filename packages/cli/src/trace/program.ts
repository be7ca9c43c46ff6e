import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import { PciError } from "@userpci/interface";
import { WrongValue } from "../command.ts";
import { stopSignals } from "../stop.ts";

/** How a program is run for somebody. */
export interface ProgramOptions {
  /** More variables than this process has. */
  readonly env: NodeJS.ProcessEnv;
  /** Whether what it prints goes to standard error, as standard output has JSON. */
  readonly json: boolean;
}

/**
 * Runs a program on this process's terminal to its end.
 *
 * @returns its exit status; 128 and the number of the signal that ended it, as shells have it
 * @throws WrongValue if it cannot be started
 */
export async function runProgram(words: readonly string[], { env, json }: ProgramOptions): Promise<number> {
  const [file = "", ...args] = words;
  const child = spawn(file, args, {
    stdio: ["inherit", json ? 2 : "inherit", "inherit"],
    env: { ...process.env, ...env },
  });
  // A terminal tells the program itself.
  const forward = (signal: NodeJS.Signals): void => void (process.stdin.isTTY || child.kill(signal));
  for (const signal of stopSignals) process.on(signal, forward);
  try {
    return await ended(child, file);
  } finally {
    for (const signal of stopSignals) process.removeListener(signal, forward);
  }
}

function ended(child: ChildProcess, file: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const message = `${JSON.stringify(file)} cannot be started: ${cause.code}`;
      const hint = "name a program that is there, behind two dashes: -- node driver.js";
      reject(new WrongValue(new PciError("ERR_INVALID_ARGUMENT", message, { hint, cause })));
    });
    child.once("exit", (status, signal) => {
      resolve(signal === null ? (status ?? 0) : 128 + constants.signals[signal]);
    });
  });
}
