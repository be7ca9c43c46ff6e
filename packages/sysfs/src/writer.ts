import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PciError } from "@userpci/interface";
import { identify, type ProcessIdentity } from "./process-identity.ts";
import { systemFailure } from "./tree.ts";
import type { Job, Meanwhile, Reply } from "./writer-process.ts";

const program = fileURLToPath(new URL("./writer-process.js", import.meta.url));

interface Waiting {
  readonly path: string;
  resolve(text: string): void;
  reject(error: unknown): void;
}

/**
 * Reads and writes attributes in a process of its own, one after another. The kernel may sit on such an access for as long
 * as somebody keeps a device open, in a state that no signal ends (`driver/unbind`, and whatever else takes the device's
 * lock then), and a thread that sits there keeps its whole process from ending. So this process has none: it may stop
 * waiting, and exit, at any time. The other then finishes what it is at, and ends.
 *
 * Neither the process nor what is under way in it keeps the event loop alive; a timer of the caller's must.
 */
export class AttributeWriter {
  readonly #input: Socket;
  readonly #waiting: Waiting[] = [];
  #ended: PciError | undefined;

  /** The process. */
  readonly identity: ProcessIdentity;

  private constructor(child: ChildProcess, identity: ProcessIdentity, address: string) {
    const [stdin, stdout] = [child.stdin as Socket, child.stdout as Socket];
    this.#input = stdin;
    this.identity = identity;
    child.once("close", (code, signal) => this.#end(endedEarly(address, signal ?? `status ${code}`)));
    // Its end is told by "close".
    for (const part of [child, stdin]) part.on("error", () => undefined);
    createInterface(stdout).on("line", (line) => settle(this.#waiting.shift(), JSON.parse(line) as Reply));
  }

  /**
   * Starts a process.
   *
   * @param action what it writes for, such as `bind`
   * @param address of the function that it writes for
   * @throws PciError with the system's code; `ERR_BIND_FAILED` if it ends at once
   */
  static async start(action: string, address: string): Promise<AttributeWriter> {
    // A group of its own: what a terminal sends to ours must not end it between two writes.
    const child = spawn(process.execPath, [program, `userpci: ${action} ${address}`], {
      cwd: "/",
      detached: true,
      env: withoutNodeOptions(process.env),
      stdio: ["pipe", "pipe", "ignore"],
    });
    await once(child, "spawn").catch((cause: unknown) => {
      throw unstartable(cause);
    });
    const identity = identify(child.pid!);
    if (identity === null) throw endedEarly(address, "no reason given");
    const writer = new AttributeWriter(child, identity, address);
    // What it takes to start is not the kernel's time.
    await writer.#answer("");
    for (const part of [child, child.stdin, child.stdout]) (part as ChildProcess | Socket).unref();
    return writer;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Text of an attribute. @throws what {@link write} does */
  read(path: string): Promise<string> {
    return this.#ask({ path, text: null });
  }

  /**
   * Writes an attribute in one write.
   *
   * @param meanwhile another attribute that says something else for as long as that takes
   * @throws Error with the system's `code`; PciError `ERR_BIND_FAILED` if the process ends before
   */
  async write(path: string, text: string, meanwhile?: Meanwhile): Promise<void> {
    await this.#ask({ path, text, ...(meanwhile && { meanwhile }) });
  }

  /** Lets the process end, after what it is at. */
  close(): void {
    this.#input.end();
  }

  #ask(job: Job): Promise<string> {
    this.#input.write(`${JSON.stringify(job)}\n`);
    return this.#answer(job.path);
  }

  /** The next answer that is nobody's yet. */
  #answer(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#ended === undefined) this.#waiting.push({ path, resolve, reject });
      else reject(this.#ended);
    });
  }

  #end(error: PciError): void {
    this.#ended ??= error;
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended);
  }
}

function settle(waiting: Waiting | undefined, reply: Reply): void {
  if ("text" in reply) waiting?.resolve(reply.text);
  else waiting?.reject(Object.assign(new Error(reply.message), { path: waiting.path }, reply));
}

// They are for this program: a debugger's port can be opened once.
function withoutNodeOptions({ NODE_OPTIONS: _, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}

function unstartable(cause: unknown): PciError {
  const { code, system } = systemFailure(cause);
  return new PciError(code, `a process for writing to the kernel cannot be started: ${code}`, {
    ...system,
    hint: `it is this program again: ${process.execPath}`,
  });
}

function endedEarly(address: string, how: string): PciError {
  return new PciError("ERR_BIND_FAILED", `the process that writes to the kernel ended early, with ${how}`, {
    hint: `was it killed? sudo dmesg | tail may say why\nif ${address} is left without its driver: sudo userpci unbind ${address}`,
  });
}
