import { type ModelDevice, type Task, taskWhile } from "@userpci/device-model";
import { isPciError } from "@userpci/interface";
import { nvmeStatus } from "../commands.ts";
import { COMMAND_SIZE, COMPLETION_SIZE } from "../entries.ts";
import { Interrupts } from "./interrupts.ts";
import type { Work } from "./mover.ts";
import type { CompletionQueue, SubmissionQueue } from "./queues.ts";

/** What {@link EngineOwner.execute} returns for a command that is completed later. */
export const HELD = -1;

/** Commands that a queue works on before others get their turn. */
const BATCH = 64;

/** FUSE and PSDT in the second byte of a command: this controller has neither fused commands nor scatter lists. */
const FUSED_OR_SGL = 0xc3;

/** Whose the engine is. */
export interface EngineOwner {
  /** Works on the command of a queue. @returns a code of `nvmeStatus`, or {@link HELD} */
  execute(queue: SubmissionQueue): Work;
  /** The engine has stopped for good: it cannot reach its queues. */
  onFatal(): void;
  /** No command is fetched any more, and nothing of those that were is outstanding. */
  onIdle(): void;
  /** Microseconds that a command of a queue takes beside what it does. */
  latencyOf(queue: SubmissionQueue): number;
}

/** The queues of a controller that runs, and what goes through them. Each submission queue has a task of its own while it has commands. */
export class Engine {
  readonly submissions = new Map<number, SubmissionQueue>();
  readonly completions = new Map<number, CompletionQueue>();
  readonly interrupts: Interrupts;
  /** Whether commands are fetched. */
  running = false;
  readonly #device: ModelDevice;
  readonly #owner: EngineOwner;
  readonly #entry = new Uint8Array(COMPLETION_SIZE);
  readonly #words = new Uint32Array(this.#entry.buffer);

  constructor(device: ModelDevice, owner: EngineOwner) {
    this.#device = device;
    this.#owner = owner;
    this.interrupts = new Interrupts(device.interrupts, this.completions);
  }

  /** Forgets all queues, and ends what is under way. */
  stop(): void {
    this.running = false;
    for (const queue of [...this.submissions.values(), ...this.completions.values()]) queue.live = false;
    this.submissions.clear();
    this.completions.clear();
    this.interrupts.mask = 0;
  }

  /** Fetches no more commands. The owner is told once those that were fetched are over. */
  finish(): void {
    this.running = false;
    this.#settle();
  }

  addCompletions(queue: CompletionQueue): void {
    this.completions.set(queue.id, queue);
  }

  addSubmissions(queue: SubmissionQueue): void {
    this.submissions.set(queue.id, queue);
  }

  /** Ends a submission queue; commands that were fetched of it are never completed. */
  removeSubmissions(queue: SubmissionQueue): void {
    queue.live = false;
    queue.completions.users -= 1;
    this.submissions.delete(queue.id);
  }

  removeCompletions(queue: CompletionQueue): void {
    queue.live = false;
    this.completions.delete(queue.id);
    this.interrupts.updateLine();
  }

  /** The host has put commands into a queue, up to `tail`. */
  submit(queue: SubmissionQueue, tail: number): void {
    queue.tail = tail;
    this.serve(queue);
  }

  /** The host has taken entries out of a queue, up to `head`. */
  release(queue: CompletionQueue, head: number): void {
    queue.head = head;
    if (queue.pending.length > 0) this.#startDraining(queue);
    this.interrupts.updateLine();
  }

  /** Posts a completion, now or as soon as there is room. */
  complete(queue: SubmissionQueue, commandId: number, status: number, result: number): void {
    const { completions } = queue;
    const place = (queue.head | (queue.id << 16)) >>> 0;
    const last = (commandId | (statusField(status) << 17)) >>> 0;
    if (completions.pending.length === 0 && this.#writeNow(completions, result, place, last)) return;
    completions.pending.push({ result, queue: place, last });
    this.#startDraining(completions);
  }

  /** Goes on with a queue, if there is something to do and nobody does. */
  serve(queue: SubmissionQueue): void {
    if (queue.serving || !(queue.busy || this.#mayFetch(queue))) return;
    queue.serving = true;
    this.#device.run(taskWhile(() => queue.live, this.#serving(queue)));
  }

  /** Goes on with everything as soon as the host lets the model run: after a state was loaded. */
  resume(): void {
    this.#device.run(this.#resuming());
  }

  *#resuming(): Task {
    yield* this.#device.time.sleep(0);
    for (const queue of this.completions.values()) {
      if (queue.pending.length > 0) this.#startDraining(queue);
      this.interrupts.tell(queue);
    }
    this.interrupts.updateLine();
    for (const queue of this.submissions.values()) this.serve(queue);
    this.#settle();
  }

  #mayFetch(queue: SubmissionQueue): boolean {
    return this.running && !queue.empty && queue.completions.pending.length === 0;
  }

  *#serving(queue: SubmissionQueue): Task {
    try {
      if (queue.busy) yield* this.#perform(queue);
      for (let done = 0; this.#mayFetch(queue); done++) {
        if (done === BATCH) {
          done = -1;
          this.interrupts.tell(queue.completions);
          yield* this.#device.time.sleep(0);
          continue;
        }
        yield* this.#fetch(queue);
        yield* this.#perform(queue);
      }
    } catch (error) {
      this.#fault(error);
    } finally {
      queue.serving = false;
    }
    this.interrupts.tell(queue.completions);
    this.#settle();
  }

  *#fetch(queue: SubmissionQueue): Task {
    const address = queue.base + BigInt(queue.head * COMMAND_SIZE);
    const command = this.#device.dma.view(address, COMMAND_SIZE, "read");
    if (command !== undefined) queue.command.set(command);
    else yield* this.#device.dma.read(address, queue.command);
    queue.advance();
  }

  *#perform(queue: SubmissionQueue): Task {
    const latency = this.#owner.latencyOf(queue);
    if (latency > 0) yield* this.#device.time.sleep(latency);
    queue.result = 0;
    const plain = (queue.command[1]! & FUSED_OR_SGL) === 0;
    const status = plain ? yield* this.#owner.execute(queue) : nvmeStatus.INVALID_FIELD;
    // Both at once: a state that is saved between would do the command again, or never complete it.
    queue.busy = false;
    if (status !== HELD) this.complete(queue, queue.commandId, status, queue.result);
  }

  /** Writes an entry if there is room and its memory is at hand. */
  #writeNow(queue: CompletionQueue, result: number, place: number, last: number): boolean {
    if (queue.full) return false;
    const address = queue.base + BigInt(queue.tail * COMPLETION_SIZE);
    const memory = this.#device.dma.view(address, COMPLETION_SIZE, "write");
    if (memory === undefined) return false;
    // All but the phase, which tells a host on another processor that the rest is there.
    this.#fill(result, place, last, queue.phase ^ 1);
    memory.set(this.#entry);
    Atomics.store(memory, 14, this.#entry[14]! ^ 1);
    queue.advance();
    return true;
  }

  #fill(result: number, place: number, last: number, phase: number): void {
    const words = this.#words;
    words[0] = result;
    words[1] = 0;
    words[2] = place;
    words[3] = last | (phase << 16);
  }

  #startDraining(queue: CompletionQueue): void {
    if (queue.draining || queue.full || !queue.live) return;
    queue.draining = true;
    this.#device.run(taskWhile(() => queue.live, this.#draining(queue)));
  }

  /** Hands completions over that had to wait, then lets the queues go on that waited for that. */
  *#draining(queue: CompletionQueue): Task {
    try {
      while (queue.pending.length > 0 && !queue.full) {
        const { result, queue: place, last } = queue.pending[0]!;
        this.#fill(result, place, last, queue.phase);
        queue.posting = true;
        const address = queue.base + BigInt(queue.tail * COMPLETION_SIZE);
        yield* this.#device.dma.write(address, this.#entry.slice());
        queue.pending.shift();
        queue.advance();
      }
    } catch (error) {
      this.#fault(error);
      // Nobody can be told of them.
      queue.pending.length = 0;
      queue.posting = false;
    } finally {
      queue.draining = false;
    }
    this.interrupts.tell(queue);
    for (const submissions of this.submissions.values()) {
      if (submissions.completions === queue) this.serve(submissions);
    }
    this.#settle();
  }

  #settle(): void {
    if (!this.running && !this.#outstanding()) this.#owner.onIdle();
  }

  /** Whether a command is executed, or a completion is to be posted. */
  #outstanding(): boolean {
    for (const { serving, busy } of this.submissions.values()) if (serving || busy) return true;
    for (const { pending } of this.completions.values()) if (pending.length > 0) return true;
    return false;
  }

  /** Queues that cannot be reached leave no way to tell of it. Whatever else was thrown is a fault of the model. */
  #fault(error: unknown): void {
    if (!isPciError(error, "ERR_DMA_FAULT")) throw error;
    this.running = false;
    this.#owner.onFatal();
  }
}

/** Errors that may go away by themselves. */
const passing: readonly number[] = [
  nvmeStatus.SUCCESS,
  nvmeStatus.DATA_TRANSFER_ERROR,
  nvmeStatus.ABORT_REQUESTED,
];

/** Bits 31 to 17 of a completion's last dword, with Do Not Retry. */
function statusField(status: number): number {
  return passing.includes(status) ? status : status | 0x4000;
}
