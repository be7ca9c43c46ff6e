import type { Duplex } from "node:stream";
import { TestbedError } from "./error.ts";

interface Pending {
  readonly command: string;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface Reply {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

/** A client of QEMU's machine protocol (docs/interop/qmp-spec.rst of QEMU) on a connected socket. */
export class Qmp {
  readonly #socket: Duplex;
  readonly #pending = new Map<number, Pending>();
  #rest = "";
  #nextId = 1;
  #closed: Error | undefined;

  constructor(socket: Duplex) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this.#receive(text));
    socket.on("error", () => this.#close());
    socket.on("close", () => this.#close());
    // QEMU takes no other command before this one. Its answer needs no waiting: requests are served in order.
    void this.execute("qmp_capabilities").catch(() => {});
  }

  /**
   * Runs a command and returns its `return` value.
   * @throws TestbedError ERR_TESTBED_QMP when QEMU refuses it, ERR_TESTBED_CLOSED when QEMU is gone.
   */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#closed) return Promise.reject(this.#closed);
    const id = this.#nextId++;
    this.#socket.write(`${JSON.stringify({ execute: command, id, ...(args ? { arguments: args } : {}) })}\n`);
    return new Promise((resolve, reject) => this.#pending.set(id, { command, resolve, reject }));
  }

  #receive(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim()) this.#settle(JSON.parse(line) as Reply);
  }

  #settle(reply: Reply): void {
    const pending = reply.id === undefined ? undefined : this.#pending.get(reply.id);
    if (!pending) return; // The greeting or an event.
    this.#pending.delete(reply.id!);
    if (reply.error)
      pending.reject(new TestbedError("ERR_TESTBED_QMP", `QMP ${pending.command}: ${reply.error.desc}`));
    else pending.resolve(reply.return);
  }

  #close(): void {
    this.#closed ??= new TestbedError("ERR_TESTBED_CLOSED", "QEMU is gone, and its QMP socket with it");
    for (const pending of this.#pending.values()) pending.reject(this.#closed);
    this.#pending.clear();
  }
}
