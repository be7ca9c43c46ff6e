import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A node process in the guest, started by a test. */
export interface Child extends Disposable {
  readonly process: ChildProcess;
  /** Resolves with its next line of output. Rejects with what it said when it ends before. */
  line(): Promise<string>;
  /** Gives it a line of input, and resolves with its answer. */
  ask(text: string): Promise<string>;
  /** Resolves with its exit status, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts `node SCRIPT ARGUMENTS`, as another user if one is given. Disposing kills it. */
export function startNode(script: URL, args: readonly string[], uid?: number): Child {
  const child = spawn(process.execPath, [script.pathname, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`the child ended with ${await ended}: ${errors}`);
    return value;
  };
  return {
    process: child,
    ended,
    line,
    ask(text) {
      child.stdin.write(`${text}\n`);
      return line();
    },
    [Symbol.dispose]: () => child.kill("SIGKILL"),
  };
}
