import type { DmaRing, PciDevice } from "userpci";
import { COMMAND_SIZE, COMPLETION_SIZE } from "../entries.ts";

/** A command to put into a queue; what is left out is 0. */
export interface Command {
  readonly opcode: number;
  /** Bits 15 to 8 of the first dword: FUSE and PSDT. */
  readonly flags?: number;
  readonly nsid?: number;
  readonly prp1?: bigint;
  readonly prp2?: bigint;
  /** CDW10 and those that follow. */
  readonly dwords?: readonly number[];
}

/** What a controller says of a command. */
export interface Done {
  readonly commandId: number;
  /** Status Code Type << 8 | Status Code. */
  readonly status: number;
  readonly doNotRetry: boolean;
  /** DW0. */
  readonly result: number;
}

/** Writes doorbells. */
export interface Bells {
  tail(queue: number, value: number): void;
  head(queue: number, value: number): void;
}

/** A submission queue and its completion queue, for tests: what is asked of it is done with no check. */
export class QueuePair implements Disposable {
  readonly id: number;
  readonly submissions: DmaRing;
  readonly completions: DmaRing;
  readonly #bells: Bells;
  #nextId = 0;

  constructor(device: PciDevice, id: number, bells: Bells, depth: number, completions = depth) {
    this.id = id;
    this.#bells = bells;
    this.submissions = device.dma.ringSync({ elementSize: COMMAND_SIZE, count: depth });
    this.completions = device.dma.ringSync({ elementSize: COMPLETION_SIZE, count: completions });
  }

  /** Puts a command into the queue, and rings unless it is told not to. @returns its identifier */
  submit(command: Command, ring = true): number {
    const { submissions } = this;
    const commandId = this.#nextId;
    this.#nextId = (commandId + 1) & 0xffff;
    const at = submissions.offset(submissions.tail);
    const view = new DataView(submissions.bytes.buffer, submissions.bytes.byteOffset + at, COMMAND_SIZE);
    const { opcode, flags = 0, nsid = 0, prp1 = 0n, prp2 = 0n, dwords = [] } = command;
    submissions.element(submissions.tail).fill(0);
    view.setUint32(0, (opcode | (flags << 8) | (commandId << 16)) >>> 0, true);
    view.setUint32(4, nsid, true);
    view.setBigUint64(24, prp1, true);
    view.setBigUint64(32, prp2, true);
    for (const [i, dword] of dwords.entries()) view.setUint32(40 + 4 * i, dword, true);
    submissions.produce();
    if (ring) this.ring();
    return commandId;
  }

  /** Tells the controller of what was submitted. */
  ring(): void {
    this.#bells.tail(this.id, this.submissions.tail);
  }

  /** Takes the next completion, if there is one. */
  reap(): Done | undefined {
    const { completions, submissions } = this;
    const at = completions.offset(completions.head) / 4;
    const last = completions.u32[at + 3]!;
    if (((last >>> 16) & 1) !== completions.headPhase) return undefined;
    submissions.consumeTo(completions.u32[at + 2]! & 0xffff);
    const result = completions.u32[at]!;
    this.#bells.head(this.id, completions.pass());
    return { commandId: last & 0xffff, status: (last >>> 17) & 0x7ff, doNotRetry: last >>> 31 === 1, result };
  }

  [Symbol.dispose](): void {
    this.submissions.closeSync();
    this.completions.closeSync();
  }
}
