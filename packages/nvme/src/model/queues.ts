import { COMMAND_SIZE } from "../entries.ts";
import { PrpWalk } from "./prp.ts";

/** What there is to say of a command that is over. */
export interface Completion {
  /** DW0. */
  readonly result: number;
  /** DW2: head of the submission queue, and its number. */
  readonly queue: number;
  /** DW3 without the phase. */
  readonly last: number;
}

/** A completion queue in the host's memory. */
export class CompletionQueue {
  readonly id: number;
  readonly base: bigint;
  /** Entries. */
  readonly size: number;
  /** Interrupt vector, or undefined without interrupts. */
  readonly vector: number | undefined;
  /** Submission queues that use it. */
  users = 0;
  head = 0;
  tail = 0;
  phase: 0 | 1 = 1;
  /** Completions that have found no room, or wait for a message to the host. */
  readonly pending: Completion[] = [];
  /** Whether a task hands the pending ones over. */
  draining = false;
  /** Whether the first pending one is on its way to the slot at the tail: the host may have it already. */
  posting = false;
  /** Whether something was posted that no interrupt has told of. */
  untold = false;
  /** Ends the tasks that serve it. */
  live = true;

  constructor(id: number, base: bigint, size: number, vector: number | undefined) {
    this.id = id;
    this.base = base;
    this.size = size;
    this.vector = vector;
  }

  get full(): boolean {
    return !this.posting && next(this.tail, this.size) === this.head;
  }

  get empty(): boolean {
    return this.tail === this.head;
  }

  /** Whether a head that the host tells lies where entries are. */
  accepts(head: number): boolean {
    const written = this.posting ? next(this.tail, this.size) : this.tail;
    return (
      head < this.size && distance(this.head, head, this.size) <= distance(this.head, written, this.size)
    );
  }

  /** An entry was written. */
  advance(): void {
    this.tail = next(this.tail, this.size);
    if (this.tail === 0) this.phase = this.phase === 1 ? 0 : 1;
    this.untold = true;
    this.posting = false;
  }
}

/** A submission queue in the host's memory, and the command of it that is being worked on. */
export class SubmissionQueue {
  readonly id: number;
  readonly base: bigint;
  /** Entries. */
  readonly size: number;
  readonly completions: CompletionQueue;
  head = 0;
  tail = 0;
  /** Whether a task works through it. */
  serving = false;
  /** Whether {@link command} was fetched and is not completed yet. */
  busy = false;
  /** Ends the task that serves it. */
  live = true;
  readonly command = new Uint8Array(COMMAND_SIZE);
  /** The command as dwords. */
  readonly words = new Uint32Array(this.command.buffer);
  /** The command as quadwords: PRP entries 1 and 2 are numbers 3 and 4. */
  readonly quads = new BigUint64Array(this.command.buffer);
  readonly walk = new PrpWalk();
  /** DW0 of its completion. */
  result = 0;

  constructor(id: number, base: bigint, size: number, completions: CompletionQueue) {
    this.id = id;
    this.base = base;
    this.size = size;
    this.completions = completions;
    completions.users += 1;
  }

  get empty(): boolean {
    return this.head === this.tail;
  }

  /** Opcode of the command. */
  get opcode(): number {
    return this.command[0]!;
  }

  /** Identifier of the command. */
  get commandId(): number {
    return this.words[0]! >>> 16;
  }

  /** The command at the head was fetched. */
  advance(): void {
    this.head = next(this.head, this.size);
    this.busy = true;
  }
}

const next = (index: number, size: number): number => (index + 1 === size ? 0 : index + 1);

const distance = (from: number, to: number, size: number): number =>
  to >= from ? to - from : to - from + size;
