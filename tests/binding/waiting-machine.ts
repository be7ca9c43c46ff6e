import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { writeMachine } from "@userpci/sysfs/testing";

/** The one function of a {@link WaitingMachine}, on the driver e1000e. */
export const NIC = "0000:01:00.0";

/** URL of a file of the built package `@userpci/sysfs`, for processes of a test. */
export function built(file: string): string {
  return new URL(`../../packages/sysfs/dist/${file}`, import.meta.url).href;
}

/**
 * A machine on disk whose driver does not let go of its function until it is told to: a named pipe keeps who opens it for
 * writing waiting until somebody reads. For tests with real processes.
 */
export class WaitingMachine implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "userpci-waiting-"));

  constructor() {
    writeMachine(this.root, {
      functions: [{ address: NIC, id: "8086:10d3", driver: "e1000e", group: 6 }],
      drivers: ["vfio-pci"],
    });
    rmSync(this.unbindPath);
    execFileSync("mkfifo", [this.unbindPath]);
  }

  get unbindPath(): string {
    return join(this.root, "/sys/bus/pci/drivers/e1000e/unbind");
  }

  /** Names of the files that processes keep about the function. */
  get stateFiles(): string[] {
    return readdirSync(join(this.root, "/run/userpci"));
  }

  /** What the journal says of the function, or its lock. */
  state(kind: "json" | "lock") {
    return JSON.parse(readFileSync(join(this.root, `/run/userpci/${NIC}.${kind}`), "utf8"));
  }

  /** Lets the driver let go, and returns what was written to its `unbind`. */
  letGo(): Promise<string> {
    return readFile(this.unbindPath, "utf8");
  }

  /**
   * Starts a process that binds or unbinds the function. It prints, as JSON, what came of it.
   *
   * @param options source text of the call's options; they may use `send(message)`, `abort`, an AbortController, and
   * `waiting(progress)`, whether the driver is waited for
   */
  start(action: "bind" | "unbind", options: string) {
    const program = `
      import { bind, unbind } from "${built("index.js")}";
      const abort = new AbortController();
      const waiting = ({ step, elapsedMs }) => step === "release" && elapsedMs > 0;
      const send = (message) => process.connected && process.send(message);
      const call = ${action}("${NIC}", { root: ${JSON.stringify(this.root)}, ${options} });
      const { code, message, hint, details } = await call.catch((error) => error);
      process.stdout.write(JSON.stringify({ code, message, hint, details }));`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit", "ipc"],
      // So that a test can signal all of them, as a terminal does.
      detached: true,
    });
    const outcome = text(child.stdout!).then((out) => JSON.parse(out));
    outcome.catch(() => undefined);
    return { child, outcome, ended: once(child, "exit") };
  }

  /** Starts a process as {@link start} does, and returns when it waits for the driver to let go. */
  async startWaiting(action: "bind" | "unbind", options = "") {
    const report = 'onProgress: (progress) => waiting(progress) && send("waiting")';
    const started = this.start(action, `reportMs: 100, ${report}, ${options}`);
    await once(started.child, "message");
    return started;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
