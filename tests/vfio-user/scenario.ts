import { expect } from "vitest";
import type { CClient, CMessage } from "./c-client.ts";

/** Commands by their names in the specification. */
export const command = {
  VERSION: 1,
  DMA_MAP: 2,
  DMA_UNMAP: 3,
  DEVICE_GET_INFO: 4,
  DEVICE_GET_REGION_INFO: 5,
  DEVICE_GET_REGION_IO_FDS: 6,
  DEVICE_GET_IRQ_INFO: 7,
  DEVICE_SET_IRQS: 8,
  REGION_READ: 9,
  REGION_WRITE: 10,
  DMA_READ: 11,
  DMA_WRITE: 12,
  DEVICE_RESET: 13,
  REGION_WRITE_MULTI: 15,
  DEVICE_FEATURE: 16,
  MIG_DATA_READ: 17,
  MIG_DATA_WRITE: 18,
} as const;
export type CommandName = keyof typeof command;

const FLAG = { REPLY: 0x1, NO_REPLY: 0x10, ERROR: 0x20 } as const;

/** One thing that happens; bytes are hexadecimal, spaces in them are for people. */
export type Step =
  /** A command is answered with these bytes, and so many descriptors; `error`: with that number instead. */
  | {
      readonly call: CommandName | number;
      readonly body?: string;
      /** Names of descriptors to send along. */
      readonly fds?: readonly string[];
      readonly reply?: string;
      /** Descriptors that the answer brings. Default 0. */
      readonly brings?: number;
      readonly error?: number;
    }
  /** A command that is not answered. */
  | { readonly post: CommandName; readonly body: string }
  /** The server asks this one, on a socket; it is answered with these bytes or that error. */
  | {
      readonly asked: "DMA_READ" | "DMA_WRITE";
      readonly on?: string;
      readonly body: string;
      readonly answer?: string;
      readonly error?: number;
    }
  /** A new eventfd, or memory of so many bytes. */
  | { readonly counter: string }
  | { readonly memory: string; readonly size: number }
  | { readonly poke: string; readonly at: number; readonly bytes: string }
  /** Memory has these bytes now. */
  | { readonly peek: string; readonly at: number; readonly bytes: string }
  /** An eventfd has counted so much since the last time. */
  | { readonly count: string; readonly is: number };

/** Steps on one connection, one after the other. */
export interface Scenario {
  readonly name: string;
  /** Whether the client offers a twin socket in VERSION; it is then named `r0`. */
  readonly twin?: boolean;
  readonly steps: readonly Step[];
}

export const hex = (text: string): string => text.replaceAll(/\s/g, "");

/** How long an interrupt may take, and how long it is made sure that none comes, in milliseconds. */
const SOON_MS = 10_000;
const NEVER_MS = 5;

const VERSION = "0000 0000"; // major 0, minor 0

/** What a client says of itself. */
function json(twin: boolean): string {
  const capabilities = {
    max_msg_fds: 8,
    write_multiple: true,
    migration: { pgsize: 4096 },
    ...(twin && { twin_socket: { supported: true } }),
  };
  return `${Buffer.from(JSON.stringify({ capabilities })).toString("hex")}00`;
}

/** Plays a scenario to a server, from a client that sends exactly these bytes; every answer must have exactly those. */
export class Player {
  readonly #client: CClient;
  /** What the server asked while this side waited for an answer on the same socket. */
  readonly #aside: CMessage[] = [];
  #id = 0;

  constructor(client: CClient) {
    this.#client = client;
  }

  /** Connects as a client does: VERSION. @returns the server's answer */
  async greet(twin = false): Promise<{ reply: CMessage; capabilities: Record<string, unknown> }> {
    const body = hex(VERSION) + json(twin);
    const reply = await this.#exchange(command.VERSION, { body });
    expect(reply).toMatchObject({ flags: FLAG.REPLY, error: 0 });
    expect(reply.body.startsWith("00000000")).toBe(true);
    const text = Buffer.from(reply.body, "hex").subarray(4).toString();
    expect(text.endsWith("\0")).toBe(true);
    return { reply, capabilities: JSON.parse(text.slice(0, -1)).capabilities };
  }

  /** A command that must be answered without an error. @param body hexadecimal */
  async call(name: CommandName, body: string): Promise<CMessage> {
    const reply = await this.#exchange(command[name], { body });
    expect(reply).toMatchObject({ command: command[name], flags: FLAG.REPLY, error: 0 });
    return reply;
  }

  /** The next command of the server, for which it is waited. */
  async asked(on = "main"): Promise<CMessage> {
    const request = (on === "main" && this.#aside.shift()) || (await this.#client.receive(on));
    if ("failed" in request) throw new Error(`nothing was asked: ${request.failed}`);
    return request;
  }

  /** Answers such a command. @param body hexadecimal */
  answer({ id, command }: CMessage, body: string, on = "main"): Promise<void> {
    return this.#client.send({ id, command, flags: FLAG.REPLY, body }, on);
  }

  async play({ steps }: Scenario): Promise<void> {
    for (const [at, step] of steps.entries()) {
      try {
        await this.step(step);
      } catch (error) {
        throw new Error(`step ${at}, ${JSON.stringify(step)}: ${(error as Error).message}`, { cause: error });
      }
    }
  }

  async step(step: Step): Promise<void> {
    const client = this.#client;
    if ("call" in step) await this.#call(step);
    else if ("post" in step) {
      this.#id++;
      const flags = FLAG.NO_REPLY;
      await client.send({ id: this.#id, command: command[step.post], flags, body: hex(step.body) });
    } else if ("asked" in step) await this.#answer(step);
    else if ("counter" in step) await client.counter(step.counter);
    else if ("memory" in step) await client.memory(step.memory, step.size);
    else if ("poke" in step) await client.poke(step.poke, step.at, hex(step.bytes));
    else if ("peek" in step) {
      const bytes = hex(step.bytes);
      expect(await client.peek(step.peek, step.at, bytes.length / 2)).toBe(bytes);
    } else {
      expect(await client.count(step.count, step.is > 0 ? SOON_MS : NEVER_MS)).toBe(step.is);
    }
  }

  async #call(step: Extract<Step, { call: unknown }>): Promise<void> {
    const number = typeof step.call === "number" ? step.call : command[step.call];
    const {
      id: _id,
      fds,
      ...reply
    } = await this.#exchange(number, {
      body: hex(step.body ?? ""),
      fds: step.fds ?? [],
    });
    const { error } = step;
    const expected =
      error === undefined
        ? { flags: FLAG.REPLY, error: 0, body: hex(step.reply ?? "") }
        : { flags: FLAG.REPLY | FLAG.ERROR, error, body: "" };
    expect(reply).toEqual({ command: number, ...expected });
    expect(fds).toHaveLength(step.brings ?? 0);
  }

  async #exchange(number: number, { body, fds = [] }: { body: string; fds?: readonly string[] }) {
    const id = ++this.#id;
    await this.#client.send({ id, command: number, body, fds });
    for (;;) {
      const reply = await this.#client.receive();
      if ("failed" in reply) throw new Error(`no answer: ${reply.failed}`);
      if ((reply.flags & FLAG.REPLY) === 0) {
        this.#aside.push(reply);
        continue;
      }
      expect(reply.id).toBe(id);
      return reply;
    }
  }

  async #answer({
    asked,
    on = "main",
    body,
    answer,
    error,
  }: Extract<Step, { asked: unknown }>): Promise<void> {
    const request = await this.asked(on);
    const { id, ...rest } = request;
    expect(rest).toEqual({ command: command[asked], flags: 0, error: 0, body: hex(body), fds: [] });
    if (error === undefined) return this.answer(request, hex(answer ?? ""), on);
    await this.#client.send({ id, command: command[asked], flags: FLAG.REPLY | FLAG.ERROR, error }, on);
  }
}
