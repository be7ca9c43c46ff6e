import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { programPath } from "../programs.ts";

/**
 * What serves the device: C, our server in a thread that blocks, or our server on the event loop; `ram` is the last with a device
 * that is nothing but memory.
 */
export type ServerKind = "C" | "blocking" | "loop" | "ram";

/** What is timed: a choice of c/vfio-user/bench.c. */
export type Access = "read" | "write" | "posted" | "arrival" | "wait" | "event";

/** An access through a mapped BAR; c/registers.c does the same to memory of its own. */
export type MappedAccess = "mapped-read" | "mapped-write";

/** Whether each end has a processor of its own, in both languages, or both share one. */
export type Processors = "apart" | "together";

const CLIENT = 0;
const SERVER = { apart: 1, together: 0 } as const;

const script = (name: string): string => fileURLToPath(new URL(`./${name}.js`, import.meta.url));
const on = (processor: number, argv: readonly string[]): string[] => [
  programPath("vfio-user-client"),
  "on",
  String(processor),
  ...argv,
];
const node = (name: string, args: readonly string[]): string[] => [
  process.execPath,
  ...process.execArgv,
  script(name),
  ...args,
];

function serverArgv(kind: ServerKind, path: string): string[] {
  if (kind === "C") return [programPath("vfio-user-server"), path];
  return node("server", kind === "ram" ? [path, "loop", "ram"] : [path, kind]);
}

/** The client in C, for a `Counterpart`: its rounds go to the server at that path. */
export const clientInC = (path: string, access: Access): string[] =>
  on(CLIENT, [programPath("vfio-user-client"), "bench", path, access]);

/** Our client. */
export const client = (path: string, access: Access | MappedAccess): string[] =>
  on(CLIENT, node("client", [path, access]));

/** The same accesses through a BAR of the kernel's, in a process of its own too. */
export const kernelClient = (access: MappedAccess): string[] => on(CLIENT, node("kernel-client", [access]));

/** A server in a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly path: string;
  readonly #folder: string;
  readonly #process: ChildProcess;

  private constructor(kind: ServerKind, processors: Processors) {
    this.#folder = mkdtempSync(join(tmpdir(), "vfio-user-"));
    this.path = join(this.#folder, "socket");
    const [file, ...args] = on(SERVER[processors], serverArgv(kind, this.path));
    this.#process = spawn(file!, args, { stdio: ["pipe", "pipe", "inherit"] });
  }

  /** Starts it, and waits until it listens. */
  static async start(kind: ServerKind, processors: Processors): Promise<ServerProcess> {
    const server = new ServerProcess(kind, processors);
    const lines = createInterface({ input: server.#process.stdout! });
    for await (const line of lines) {
      if (line === "listening") return server;
    }
    await server[Symbol.asyncDispose]();
    throw new Error(`the server (${kind}) does not listen`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) {
      const closed = once(this.#process, "close");
      this.#process.kill("SIGKILL");
      await closed;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
