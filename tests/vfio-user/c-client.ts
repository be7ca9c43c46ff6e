import { cProgram } from "./c-programs.ts";
import { LineProcess } from "./line-process.ts";

/** A message as it came. */
export interface CMessage {
  readonly id: number;
  readonly command: number;
  readonly flags: number;
  readonly error: number;
  /** Hexadecimal. */
  readonly body: string;
  /** Names of the descriptors that came along. */
  readonly fds: readonly string[];
}

/** What {@link CClient.receive} may find. */
export type Received = CMessage | { readonly failed: "timeout" | "closed" };

/** What to send. */
export interface Outgoing {
  readonly id: number;
  readonly command: number;
  readonly flags?: number;
  readonly error?: number;
  /** Hexadecimal. */
  readonly body?: string;
  /** Names of descriptors. */
  readonly fds?: readonly string[];
}

/** Longest that a test waits for a message, in milliseconds. */
const PATIENCE_MS = 20_000;

/** The client in C, one call a line of its input (`benchmarks/c/vfio-user-client.c`). It checks nothing: tests do. */
export class CClient implements AsyncDisposable {
  readonly #process: LineProcess;

  /** Connects. @param path of a server's socket */
  constructor(path: string) {
    this.#process = new LineProcess(cProgram("vfio-user-client"), ["drive", path]);
  }

  send({ id, command, flags = 0, error = 0, body = "", fds = [] }: Outgoing, socket = "main"): Promise<void> {
    const words = ["send", socket, id, command, flags, error, body === "" ? "-" : body, ...fds];
    return this.#do(words.join(" "));
  }

  /** Sends bytes as they are. @param bytes hexadecimal */
  raw(bytes: string, fds: readonly string[] = [], socket = "main"): Promise<void> {
    return this.#do(["raw", socket, bytes, ...fds].join(" "));
  }

  receive(socket = "main", ms = PATIENCE_MS): Promise<Received> {
    return this.#ask(`receive ${socket} ${ms}`);
  }

  /** Makes memory that can be sent. */
  memory(name: string, size: number): Promise<void> {
    return this.#do(`memory ${name} ${size}`);
  }

  poke(name: string, offset: number, bytes: string): Promise<void> {
    return this.#do(`poke ${name} ${offset} ${bytes}`);
  }

  /** Bytes of memory, its own or received, in hexadecimal. */
  async peek(name: string, offset: number, size: number): Promise<string> {
    return (await this.#ask<{ bytes: string }>(`peek ${name} ${offset} ${size}`)).bytes;
  }

  /** Makes an eventfd. */
  counter(name: string): Promise<void> {
    return this.#do(`counter ${name}`);
  }

  /** What an eventfd has counted since the last time. @param ms how long to wait for something */
  async count(name: string, ms: number): Promise<number> {
    return (await this.#ask<{ count: number }>(`count ${name} ${ms}`)).count;
  }

  close(name: string): Promise<void> {
    return this.#do(`close ${name}`);
  }

  async #ask<T>(line: string): Promise<T> {
    this.#process.say(line);
    return JSON.parse(await this.#process.line());
  }

  async #do(line: string): Promise<void> {
    const answer = await this.#ask<{ done?: true; failed?: string }>(line);
    if (!answer.done) throw new Error(`${line.slice(0, 80)}: ${answer.failed}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
