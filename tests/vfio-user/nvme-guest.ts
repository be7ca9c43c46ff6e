import { expect } from "vitest";
import type { CMessage } from "./c-client.ts";
import { command, type Player } from "./scenario.ts";

/** Where the controller finds this guest's memory, and how much there is. All of it is reached by messages. */
const MEMORY = 0x10_0000;
const MEMORY_SIZE = 0x1_0000;

/** Of BAR 0 (NVM Express Base 1.4, section 3.1). */
const register = { CC: 0x14, CSTS: 0x1c, AQA: 0x24, ASQ: 0x28, ACQ: 0x30, DOORBELLS: 0x1000 } as const;
const MSIX = 2;
const CONFIG = 7;

/** Enabled, entries of 64 and 16 bytes. */
const ENABLE = 0x0046_0001;
const ENTRIES = 8;
const PAGE = 4096;
const COMMAND = 64;
const COMPLETION = 16;

/** Queue pair 0 is the admin's. */
const submissionsAt = (queue: number): number => MEMORY + queue * 2 * PAGE;
const completionsAt = (queue: number): number => submissionsAt(queue) + PAGE;

/** Where the data of the nth command lies. */
export const dataAt = (n: number): number => MEMORY + 0x8000 + n * PAGE;

/** A command of a submission queue; what is left out is 0. */
export interface NvmeCommand {
  readonly opcode: number;
  readonly id: number;
  readonly namespace?: number;
  /** Address of its data. */
  readonly data?: number;
  readonly cdw10?: number;
  readonly cdw11?: number;
  readonly cdw12?: number;
}

const u32 = (value: number): string => u64(value).slice(0, 8);
const u64 = (value: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes.toString("hex");
};

/** Where the guest is in a queue pair. */
interface Pair {
  tail: number;
  head: number;
  phase: number;
}

/** What a guest keeps of its own; it goes along when its device is moved. */
export class GuestMemory {
  readonly bytes = Buffer.alloc(MEMORY_SIZE);
  readonly pairs: Pair[] = [];

  /** The bytes at an address of the device's. */
  at(address: number, size: number): Buffer {
    return this.bytes.subarray(address - MEMORY, address - MEMORY + size);
  }
}

/** Just enough of a driver for an NVMe controller, which answers each DMA message by hand. */
export class NvmeGuest {
  readonly memory: GuestMemory;
  readonly #player: Player;

  constructor(player: Player, memory = new GuestMemory()) {
    this.#player = player;
    this.memory = memory;
  }

  /** Greets, maps the memory without a descriptor, turns bus mastering on, and connects a vector to each pair of queues. */
  async attach(): Promise<void> {
    const player = this.#player;
    await player.greet();
    await player.call("DMA_MAP", u32(32) + u32(3) + u64(0) + u64(MEMORY) + u64(MEMORY_SIZE));
    await player.call("REGION_WRITE", `${u64(4) + u32(CONFIG) + u32(2)}0604`);
    for (const counter of counters) await player.step({ counter });
    const set = u32(20) + u32(0x24) + u32(MSIX) + u32(0) + u32(counters.length);
    await player.step({ call: "DEVICE_SET_IRQS", body: set, fds: counters });
  }

  /** Starts the controller, with two pairs of I/O queues. */
  async start(): Promise<void> {
    await this.#write(register.AQA, u32((ENTRIES - 1) | ((ENTRIES - 1) << 16)));
    await this.#write(register.ASQ, u64(submissionsAt(0)));
    await this.#write(register.ACQ, u64(completionsAt(0)));
    await this.#write(register.CC, u32(ENABLE));
    const { body } = await this.#player.call("REGION_READ", u64(register.CSTS) + u32(0) + u32(4));
    expect(Number.parseInt(body.slice(-8, -6), 16)).toBe(1);
    this.memory.pairs.push({ tail: 0, head: 0, phase: 1 });
    for (const queue of [1, 2]) await this.#createPair(queue);
  }

  /** Puts a command into a queue and rings. */
  async submit(
    queue: number,
    { opcode, id, namespace = 1, data = 0, cdw10 = 0, cdw11 = 0, cdw12 = 0 }: NvmeCommand,
  ) {
    const pair = this.memory.pairs[queue]!;
    const entry = this.memory.at(submissionsAt(queue) + pair.tail * COMMAND, COMMAND).fill(0);
    entry.writeUInt32LE(opcode | (id << 16), 0);
    entry.writeUInt32LE(namespace, 4);
    entry.writeBigUInt64LE(BigInt(data), 24);
    for (const [at, word] of [cdw10, cdw11, cdw12].entries()) entry.writeUInt32LE(word, 40 + 4 * at);
    pair.tail = (pair.tail + 1) % ENTRIES;
    await this.#write(register.DOORBELLS + queue * 8, u32(pair.tail));
  }

  /**
   * Answers DMA messages until a command of the queue is complete.
   *
   * @returns id and status of the command
   */
  async completion(queue: number): Promise<{ id: number; status: number }> {
    const pair = this.memory.pairs[queue]!;
    const entry = this.memory.at(completionsAt(queue) + pair.head * COMPLETION, COMPLETION);
    while ((entry.readUInt16LE(14) & 1) !== pair.phase) await this.#answer(await this.#player.asked());
    const told = { id: entry.readUInt16LE(12), status: entry.readUInt16LE(14) >> 1 };
    pair.head = (pair.head + 1) % ENTRIES;
    if (pair.head === 0) pair.phase ^= 1;
    await this.#write(register.DOORBELLS + queue * 8 + 4, u32(pair.head));
    return told;
  }

  /** Answers DMA messages up to one that is about data, which stays without an answer. */
  async untilData(): Promise<void> {
    for (;;) {
      const message = await this.#player.asked();
      if (addressOf(message) >= dataAt(0)) return;
      await this.#answer(message);
    }
  }

  async #createPair(queue: number): Promise<void> {
    const cdw10 = ((ENTRIES - 1) << 16) | queue;
    // Contiguous, with interrupts by the vector of that number.
    const cdw11 = (queue << 16) | 3;
    await this.submit(0, { opcode: 5, id: queue, namespace: 0, data: completionsAt(queue), cdw10, cdw11 });
    expect(await this.completion(0)).toEqual({ id: queue, status: 0 });
    const contiguous = (queue << 16) | 1;
    await this.submit(0, {
      opcode: 1,
      id: queue,
      namespace: 0,
      data: submissionsAt(queue),
      cdw10,
      cdw11: contiguous,
    });
    expect(await this.completion(0)).toEqual({ id: queue, status: 0 });
    this.memory.pairs.push({ tail: 0, head: 0, phase: 1 });
  }

  async #write(offset: number, bytes: string): Promise<void> {
    await this.#player.call("REGION_WRITE", u64(offset) + u32(0) + u32(bytes.length / 2) + bytes);
  }

  #answer(message: CMessage): Promise<void> {
    const request = Buffer.from(message.body, "hex");
    const size = Number(request.readBigUInt64LE(8));
    const bytes = this.memory.at(addressOf(message), size);
    if (message.command === command.DMA_READ) {
      return this.#player.answer(message, message.body + bytes.toString("hex"));
    }
    bytes.set(request.subarray(16));
    return this.#player.answer(message, message.body.slice(0, 32));
  }
}

/** The eventfds of the vectors, by their names. */
export const counters = ["v0", "v1", "v2"] as const;

const addressOf = (message: CMessage): number => Number(Buffer.from(message.body, "hex").readBigUInt64LE(0));
