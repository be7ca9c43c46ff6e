import {
  ALL_NAMESPACES,
  adminOpcode,
  identifyStructure,
  logPage,
  nvmeFeature,
  nvmeStatus,
} from "../commands.ts";
import { ByteStore } from "./disk.ts";
import { type Engine, HELD } from "./engine.ts";
import { AsyncEvents, healthEvent } from "./events.ts";
import { type FeatureReply, Features } from "./features.ts";
import {
  activeNamespaces,
  controllerStructure,
  EVENT_REQUESTS,
  firmwarePage,
  type HealthCounters,
  healthPage,
  LONGEST_TRANSFER,
  NAMESPACE,
  namespaceDescriptors,
  namespaceStructure,
} from "./identity.ts";
import type { DataMover, Work } from "./mover.ts";
import type { NvmeSettings } from "./options.ts";
import type { QueueAdmin, QueueRules } from "./queue-admin.ts";
import type { SubmissionQueue } from "./queues.ts";

/** Retain Asynchronous Event, in CDW10 of Get Log Page. */
const RETAIN = 1 << 15;

/** What the commands of the admin queue need. */
export interface AdminParts {
  readonly settings: NvmeSettings;
  readonly engine: Engine;
  readonly queues: QueueAdmin;
  readonly mover: DataMover;
  readonly use: Readonly<HealthCounters>;
  /** What the registers say. */
  rules(): QueueRules;
}

/** A command that moves no data, by its opcode. @returns a code of `nvmeStatus`, or {@link HELD} */
type Act = (queue: SubmissionQueue) => number;

/** The commands of the admin queue (NVM Express Base 2.0, section 5; 1.4, 5). */
export class AdminCommands {
  readonly features: Features;
  readonly events = new AsyncEvents();
  readonly queues: QueueAdmin;
  readonly #parts: AdminParts;
  readonly #acts: Readonly<Record<number, Act>>;

  constructor(parts: AdminParts) {
    const { queues } = parts;
    this.queues = queues;
    this.#parts = parts;
    this.features = new Features(parts.settings);
    this.#acts = {
      [adminOpcode.CREATE_IO_CQ]: ({ words, quads }) =>
        queues.createCompletions(words, quads[3]!, parts.rules()),
      [adminOpcode.CREATE_IO_SQ]: ({ words, quads }) =>
        queues.createSubmissions(words, quads[3]!, parts.rules()),
      [adminOpcode.DELETE_IO_CQ]: ({ words }) => queues.deleteCompletions(words),
      [adminOpcode.DELETE_IO_SQ]: ({ words }) => queues.deleteSubmissions(words),
      [adminOpcode.SET_FEATURES]: (queue) => this.#setFeature(queue),
      [adminOpcode.GET_FEATURES]: (queue) =>
        answer(queue, this.features.get(queue.words[10]!, queue.words[11]!)),
      [adminOpcode.ABORT]: (queue) => this.#abort(queue),
      [adminOpcode.ASYNC_EVENT_REQUEST]: (queue) => this.#hold(queue),
    };
  }

  /** Goes back to the state after a reset of the controller. */
  reset(): void {
    this.features.reset();
    this.events.reset();
    this.queues.anyCreated = false;
  }

  /** Works on the command of the admin queue. @returns a code of `nvmeStatus`, or {@link HELD} */
  *execute(queue: SubmissionQueue): Work {
    switch (queue.opcode) {
      case adminOpcode.IDENTIFY:
        return yield* this.#identify(queue);
      case adminOpcode.GET_LOG_PAGE:
        return yield* this.#getLog(queue);
      default:
        return this.#acts[queue.opcode]?.(queue) ?? nvmeStatus.INVALID_OPCODE;
    }
  }

  /** Tells of an error of the host's, if it has asked for events. */
  raiseError(event: number): void {
    this.events.raiseError(event);
    this.#tellEvents();
  }

  #setFeature(queue: SubmissionQueue): number {
    const { words } = queue;
    const isCount = (words[10]! & 0xff) === nvmeFeature.NUMBER_OF_QUEUES;
    if (isCount && this.queues.anyCreated) return nvmeStatus.COMMAND_SEQUENCE_ERROR;
    const warned = this.features.warnsOfTemperature;
    const status = answer(queue, this.features.set(words[10]!, words[11]!));
    if (!warned) this.#raiseHealth();
    return status;
  }

  *#identify(queue: SubmissionQueue): Work {
    const bytes = this.#structure(queue.words);
    if (typeof bytes === "number") return bytes;
    return yield* this.#parts.mover.move(queue, new ByteStore(bytes), 0, bytes.length, "write");
  }

  /** What Identify gives. @returns a code of `nvmeStatus` where there is nothing */
  #structure(words: Uint32Array): Uint8Array | number {
    const { settings } = this.#parts;
    const namespace = words[1]!;
    switch (words[10]! & 0xff) {
      case identifyStructure.CONTROLLER:
        return controllerStructure(settings);
      case identifyStructure.ACTIVE_NAMESPACES:
        return namespace >= ALL_NAMESPACES - 1 ? nvmeStatus.INVALID_NAMESPACE : activeNamespaces(namespace);
      case identifyStructure.NAMESPACE:
        return namespace === NAMESPACE ? namespaceStructure(settings) : nvmeStatus.INVALID_NAMESPACE;
      case identifyStructure.DESCRIPTORS:
        return namespace === NAMESPACE ? namespaceDescriptors(settings) : nvmeStatus.INVALID_NAMESPACE;
      default:
        return nvmeStatus.INVALID_FIELD;
    }
  }

  *#getLog(queue: SubmissionQueue): Work {
    const { words } = queue;
    const page = words[10]! & 0xff;
    const log = this.#log(page);
    if (log === undefined) return nvmeStatus.INVALID_LOG_PAGE;
    const length = ((words[10]! >>> 16) + (words[11]! & 0xffff) * 0x1_0000 + 1) * 4;
    const offset = words[12]! + words[13]! * 2 ** 32;
    if (length > LONGEST_TRANSFER || offset > log.length || offset % 4 !== 0) return nvmeStatus.INVALID_FIELD;
    const bytes = new Uint8Array(length);
    bytes.set(log.subarray(offset, offset + length));
    const status = yield* this.#parts.mover.move(queue, new ByteStore(bytes), 0, length, "write");
    if (status === nvmeStatus.SUCCESS && (words[10]! & RETAIN) === 0) {
      this.events.logWasRead(page);
      // What is still so is told again, unless the host asks no longer.
      if (page === logPage.HEALTH) this.#raiseHealth();
      this.#tellEvents();
    }
    return status;
  }

  #log(page: number): Uint8Array | undefined {
    switch (page) {
      case logPage.HEALTH:
        return healthPage(this.#parts.use, this.features.tooHotOrCold);
      case logPage.FIRMWARE:
        return firmwarePage();
      // One entry that was never used, as ELPE says.
      case logPage.ERRORS:
        return new Uint8Array(64);
      // The namespace never changes.
      case logPage.CHANGED_NAMESPACES:
        return new Uint8Array(4096);
      default:
        return undefined;
    }
  }

  /** Commands that were fetched are nearly done; only events that are awaited can be given up. */
  #abort(queue: SubmissionQueue): number {
    const commandId = queue.words[10]! >>> 16;
    const isHeld = (queue.words[10]! & 0xffff) === 0 && this.events.abort(commandId);
    if (isHeld) this.#parts.engine.complete(queue, commandId, nvmeStatus.ABORT_REQUESTED, 0);
    queue.result = isHeld ? 0 : 1;
    return nvmeStatus.SUCCESS;
  }

  #hold(queue: SubmissionQueue): number {
    if (this.events.held.length === EVENT_REQUESTS) return nvmeStatus.EVENT_REQUEST_LIMIT;
    this.events.held.push(queue.commandId);
    this.#tellEvents();
    return HELD;
  }

  #raiseHealth(): void {
    if (!this.features.warnsOfTemperature) return;
    this.events.raiseHealth(healthEvent.TEMPERATURE);
    this.#tellEvents();
  }

  #tellEvents(): void {
    const { engine } = this.#parts;
    const queue = engine.submissions.get(0);
    const told = queue && this.events.take();
    if (told === undefined) return;
    engine.complete(queue!, told.cid, nvmeStatus.SUCCESS, told.result);
    engine.interrupts.tell(queue!.completions);
  }
}

function answer(queue: SubmissionQueue, { status, result = 0 }: FeatureReply): number {
  queue.result = result;
  return status;
}
