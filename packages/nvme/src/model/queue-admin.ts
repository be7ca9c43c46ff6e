import type { ModelInterrupts } from "@userpci/device-model";
import { nvmeStatus } from "../commands.ts";
import type { Engine } from "./engine.ts";
import type { NvmeSettings } from "./options.ts";
import { CompletionQueue, SubmissionQueue } from "./queues.ts";

/** What the controller's registers say of I/O queues. */
export interface QueueRules {
  /** CC.MPS in bytes: queues begin at multiples of it. */
  readonly pageSize: number;
  /** CC.IOSQES and CC.IOCQES are those of this controller. */
  readonly submissionsSized: boolean;
  readonly completionsSized: boolean;
}

/** What the doorbells are told of queues that come. */
export type QueueListener = (id: number, side: "submissions" | "completions") => void;

/** Physically Contiguous, and Interrupts Enabled, in CDW11. */
const CONTIGUOUS = 1 << 0;
const INTERRUPTS = 1 << 1;

/** The commands that make and delete I/O queues (NVM Express Base 1.4, sections 5.3 to 5.6; 2.0, PCIe Transport). Each returns a code of `nvmeStatus`. */
export class QueueAdmin {
  /** Whether an I/O queue was created since the last reset: it may be deleted by now. */
  anyCreated = false;
  readonly #engine: Engine;
  readonly #settings: NvmeSettings;
  readonly #interrupts: ModelInterrupts;
  readonly #added: QueueListener;

  constructor(engine: Engine, settings: NvmeSettings, interrupts: ModelInterrupts, added: QueueListener) {
    this.#engine = engine;
    this.#settings = settings;
    this.#interrupts = interrupts;
    this.#added = added;
  }

  createCompletions(words: Uint32Array, base: bigint, rules: QueueRules): number {
    const id = words[10]! & 0xffff;
    const size = (words[10]! >>> 16) + 1;
    if (!this.#isFree(id, this.#engine.completions)) return nvmeStatus.INVALID_QUEUE_IDENTIFIER;
    if (!rules.completionsSized || !this.#isSize(size)) return nvmeStatus.INVALID_QUEUE_SIZE;
    const status = checkPlace(words[11]!, base, rules);
    if (status !== nvmeStatus.SUCCESS) return status;
    const vector = words[11]! >>> 16;
    if (vector > this.#settings.queues || (vector > 0 && this.#interrupts.mode === "intx")) {
      return nvmeStatus.INVALID_VECTOR;
    }
    const interrupts = (words[11]! & INTERRUPTS) !== 0;
    this.#engine.addCompletions(new CompletionQueue(id, base, size, interrupts ? vector : undefined));
    this.anyCreated = true;
    this.#added(id, "completions");
    return nvmeStatus.SUCCESS;
  }

  createSubmissions(words: Uint32Array, base: bigint, rules: QueueRules): number {
    const id = words[10]! & 0xffff;
    const size = (words[10]! >>> 16) + 1;
    const completions = this.#engine.completions.get(words[11]! >>> 16);
    if (completions === undefined || completions.id === 0) return nvmeStatus.INVALID_COMPLETION_QUEUE;
    if (!this.#isFree(id, this.#engine.submissions)) return nvmeStatus.INVALID_QUEUE_IDENTIFIER;
    if (!rules.submissionsSized || !this.#isSize(size)) return nvmeStatus.INVALID_QUEUE_SIZE;
    const status = checkPlace(words[11]!, base, rules);
    if (status !== nvmeStatus.SUCCESS) return status;
    this.#engine.addSubmissions(new SubmissionQueue(id, base, size, completions));
    this.#added(id, "submissions");
    return nvmeStatus.SUCCESS;
  }

  deleteSubmissions(words: Uint32Array): number {
    const queue = this.#engine.submissions.get(words[10]! & 0xffff);
    if (queue === undefined || queue.id === 0) return nvmeStatus.INVALID_QUEUE_IDENTIFIER;
    this.#engine.removeSubmissions(queue);
    return nvmeStatus.SUCCESS;
  }

  deleteCompletions(words: Uint32Array): number {
    const queue = this.#engine.completions.get(words[10]! & 0xffff);
    if (queue === undefined || queue.id === 0) return nvmeStatus.INVALID_QUEUE_IDENTIFIER;
    if (queue.users > 0) return nvmeStatus.INVALID_QUEUE_DELETION;
    this.#engine.removeCompletions(queue);
    return nvmeStatus.SUCCESS;
  }

  #isFree(id: number, taken: ReadonlyMap<number, unknown>): boolean {
    return id > 0 && id <= this.#settings.queues && !taken.has(id);
  }

  #isSize(size: number): boolean {
    return size >= 2 && size <= this.#settings.entries;
  }
}

/** Queues are in one piece (CAP.CQR), of whole pages. */
function checkPlace(cdw11: number, base: bigint, { pageSize }: QueueRules): number {
  if ((cdw11 & CONTIGUOUS) === 0) return nvmeStatus.INVALID_FIELD;
  return (base & BigInt(pageSize - 1)) === 0n ? nvmeStatus.SUCCESS : nvmeStatus.INVALID_PRP_OFFSET;
}
