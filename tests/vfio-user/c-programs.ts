import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileProgram } from "./benchmarks.ts";

/** Why the C programs cannot be had here; undefined if they can. Printed once, since tests are then left out. */
export const noPrograms = whyNone();

function whyNone(): string | undefined {
  const { status } = spawnSync("gcc", ["--version"], { stdio: "ignore" });
  if (status === 0) return undefined;
  const reason =
    "vfio-user: the tests against the C programs are left out, as there is no gcc (apt install gcc)";
  process.stderr.write(`${reason}\n`);
  return reason;
}

/** Where a program of `benchmarks/c` is, compiled if need be. */
export function cProgram(name: "vfio-user-client" | "vfio-user-server"): string {
  return compileProgram(name);
}

/** A folder for sockets, which goes with all that is in it. */
export class SocketFolder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "vfio-user-"));
  #count = 0;

  /** A path that nothing has yet. */
  socket(): string {
    this.#count++;
    return join(this.#path, `${this.#count}.sock`);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}
