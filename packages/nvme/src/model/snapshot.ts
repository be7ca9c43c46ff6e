import { fieldOf } from "../fields.ts";
import { nvmeRegisters } from "../registers.ts";
import type { Controller } from "./controller.ts";
import { type ControllerBank, LARGEST_MPS } from "./controller-registers.ts";
import { CHUNK_SIZE } from "./disk.ts";
import { EVENT_TYPES } from "./events.ts";
import { EVENT_REQUESTS } from "./identity.ts";
import type { NvmeSettings } from "./options.ts";
import { type Completion, CompletionQueue, SubmissionQueue } from "./queues.ts";
import { noState, StateReader, StateWriter } from "./state.ts";

/** `NVME`, and the version of what follows. */
const MAGIC = 0x454d_564e;
const FORMAT = 2;

/** Stands for no vector. */
const NONE = 0xffff_ffff;

/** Entries of the largest admin queue. */
const MOST_ADMIN_ENTRIES = 4096;

/** Features that a state may have. */
const MOST_FEATURES = 1024;

/** Completions that wait, at most: each submission queue may have one, and the events that are held. */
const mostPending = ({ queues }: NvmeSettings): number => queues + 1 + EVENT_REQUESTS;

/** What must be the same where a state is loaded. */
const identityOf = ({ size, blockSize, queues, entries }: NvmeSettings): readonly number[] => [
  Math.floor(size / 2 ** 32),
  size % 2 ** 32,
  blockSize,
  queues,
  entries,
];

/** The state of a controller: registers, features, events, queues with the commands under way, and the disk. */
export function saveState(controller: Controller): Uint8Array {
  const to = new StateWriter();
  to.u32(MAGIC);
  to.u32(FORMAT);
  for (const number of identityOf(controller.settings)) to.u32(number);
  to.bytes(controller.bank.save());
  const { features, events, queues } = controller.admin;
  const set = features.entries();
  to.u32(set.length);
  for (const [at, value] of set) {
    to.u32(at);
    to.u32(value);
  }
  to.u32(events.held.length);
  for (const commandId of events.held) to.u32(commandId);
  to.u32(events.pending.length);
  for (const event of events.pending) to.u32(event);
  to.u32(events.masked);
  to.u32(queues.anyCreated ? 1 : 0);
  const { reads, writes, bytesRead, bytesWritten } = controller.io.use;
  for (const count of [reads, writes, bytesRead, bytesWritten]) to.u64(BigInt(count));
  const { completions, submissions } = controller.engine;
  to.u32(completions.size);
  for (const queue of completions.values()) saveCompletions(to, queue);
  to.u32(submissions.size);
  for (const queue of submissions.values()) saveSubmissions(to, queue);
  const chunks = controller.disk.chunks();
  to.u32(chunks.size);
  for (const [index, bytes] of chunks) {
    to.u32(index);
    to.bytes(bytes);
  }
  return to.finish();
}

function saveCompletions(to: StateWriter, queue: CompletionQueue): void {
  to.u32(queue.id);
  to.u64(queue.base);
  to.u32(queue.size);
  to.u32(queue.vector ?? NONE);
  to.u32(queue.head);
  to.u32(queue.tail);
  to.u32(queue.phase);
  to.u32(queue.untold ? 1 : 0);
  to.u32(queue.posting ? 1 : 0);
  to.u32(queue.pending.length);
  for (const { result, queue: place, last } of queue.pending) {
    to.u32(result);
    to.u32(place);
    to.u32(last);
  }
}

/** The command that is being worked on is done anew: nothing tells the host of it before it is done. */
function saveSubmissions(to: StateWriter, queue: SubmissionQueue): void {
  to.u32(queue.id);
  to.u64(queue.base);
  to.u32(queue.size);
  to.u32(queue.completions.id);
  to.u32(queue.head);
  to.u32(queue.tail);
  to.u32(queue.busy ? 1 : 0);
  to.bytes(queue.command);
}

/**
 * Takes up a state, in a controller that was reset. What is behind it in memory is the host's to bring along.
 *
 * @throws PciError `ERR_PROTOCOL`; the controller is to be reset then, and the disk is as it was
 */
export function loadState(controller: Controller, state: Uint8Array): void {
  const { bank, engine, admin, io, disk } = controller;
  const saved = readState(controller, new StateReader(state));
  const before = [bank.get("CAP"), bank.get("VS")];
  bank.load(saved.registers);
  if (before[0] !== bank.get("CAP") || before[1] !== bank.get("VS"))
    throw noState("it is of another controller");
  checkRegisters(bank, saved);
  for (const [at, value] of saved.features) {
    if (!admin.features.restore(at, value)) throw noState(`it has a feature 0x${at.toString(16)}`);
  }
  admin.events.held.push(...saved.held);
  admin.events.pending.push(...saved.pending);
  admin.events.masked = saved.masked;
  admin.queues.anyCreated = saved.anyCreated;
  Object.assign(io.use, saved.use);
  for (const queue of saved.completions) engine.addCompletions(queue);
  for (const queue of saved.submissions) engine.addSubmissions(queue);
  disk.clear();
  for (const [index, bytes] of saved.chunks) disk.write(index * CHUNK_SIZE, bytes);
}

/** What the registers say of the controller must go together, and with its queues. */
function checkRegisters(bank: ControllerBank, queues: QueueLists): void {
  const { CC, CSTS } = nvmeRegisters.rows;
  const [cc, csts] = [bank.get("CC"), bank.get("CSTS")];
  const mps = fieldOf(cc, CC.fields.MPS);
  if (mps > LARGEST_MPS) throw noState(`its memory page size is ${mps}`);
  const enabled = fieldOf(cc, CC.fields.EN) === 1;
  const ready = fieldOf(csts, CSTS.fields.RDY) === 1;
  if (!enabled && (ready || fieldOf(csts, CSTS.fields.CFS) === 1)) {
    throw noState(`CSTS is 0x${csts.toString(16)} though CC.EN is 0`);
  }
  for (const list of [queues.completions, queues.submissions]) {
    if (list.some(({ id }) => id === 0) === ready && (ready || list.length === 0)) continue;
    throw noState(`CSTS.RDY is ${ready ? 1 : 0}, with ${list.length} queues of a kind`);
  }
}

/** The queues of a state. */
interface QueueLists {
  readonly completions: readonly CompletionQueue[];
  readonly submissions: readonly SubmissionQueue[];
}

/** Reads all of a state, in the order of {@link saveState}, and changes nothing. */
function readState({ settings, disk }: Controller, from: StateReader) {
  checkIdentity(from, settings);
  const registers = from.bytes("the registers");
  const features = list(from, "features", MOST_FEATURES, () => readFeature(from));
  const held = list(from, "held commands", EVENT_REQUESTS, () => from.u32("a held command", 0, 0xffff));
  const pending = list(from, "pending events", EVENT_TYPES, () => from.u32("a pending event"));
  const masked = from.u32("the masked events", 0, 0xff);
  const anyCreated = from.u32("its queues that were created", 0, 1) === 1;
  const [reads, writes, bytesRead, bytesWritten] = Array.from({ length: 4 }, () =>
    Number(from.u64("a counter")),
  );
  const use = { reads, writes, bytesRead, bytesWritten };
  const mostQueues = settings.queues + 1;
  const completions = list(from, "completion queues", mostQueues, () => readCompletions(from, settings));
  const byId = new Map(completions.map((queue) => [queue.id, queue]));
  const submissions = list(from, "submission queues", mostQueues, () =>
    readSubmissions(from, settings, byId),
  );
  const chunks = list(from, "chunks", disk.most, () => readChunk(from, disk.most));
  from.end();
  return { registers, features, held, pending, masked, anyCreated, use, completions, submissions, chunks };
}

function readFeature(from: StateReader): readonly [at: number, value: number] {
  return [from.u32("a feature"), from.u32("its value")];
}

function readChunk(from: StateReader, most: number): readonly [index: number, bytes: Uint8Array] {
  return [from.u32("a chunk's number", 0, most - 1), from.bytes("a chunk", CHUNK_SIZE)];
}

function checkIdentity(from: StateReader, settings: NvmeSettings): void {
  from.u32("the signature", MAGIC, MAGIC);
  from.u32("the format", FORMAT, FORMAT);
  for (const number of identityOf(settings)) from.u32("the size of the disk or its queues", number, number);
}

function list<T>(from: StateReader, what: string, most: number, read: () => T): T[] {
  return Array.from({ length: from.u32(`the number of ${what}`, 0, most) }, read);
}

function readCompletions(from: StateReader, settings: NvmeSettings): CompletionQueue {
  const id = from.u32("a queue's number", 0, settings.queues);
  const base = from.u64("its address");
  const size = from.u32("its size", 2, mostEntries(id, settings));
  const vector = from.u32("its vector");
  if (vector !== NONE && vector > settings.queues) throw noState(`a queue has the vector ${vector}`);
  const queue = new CompletionQueue(id, base, size, vector === NONE ? undefined : vector);
  queue.head = from.u32("its head", 0, size - 1);
  queue.tail = from.u32("its tail", 0, size - 1);
  queue.phase = from.u32("its phase", 0, 1) === 1 ? 1 : 0;
  queue.untold = from.u32("its interrupt", 0, 1) === 1;
  queue.posting = from.u32("its entry on the way", 0, 1) === 1;
  queue.pending.push(...list(from, "completions", mostPending(settings), () => readCompletion(from)));
  return queue;
}

function readCompletion(from: StateReader): Completion {
  return { result: from.u32("a result"), queue: from.u32("a queue's head"), last: from.u32("a status") };
}

function readSubmissions(
  from: StateReader,
  settings: NvmeSettings,
  completions: ReadonlyMap<number, CompletionQueue>,
): SubmissionQueue {
  const id = from.u32("a queue's number", 0, settings.queues);
  const base = from.u64("its address");
  const size = from.u32("its size", 2, mostEntries(id, settings));
  const target = completions.get(from.u32("its completion queue"));
  if (target === undefined) throw noState(`submission queue ${id} has no completion queue`);
  const queue = new SubmissionQueue(id, base, size, target);
  queue.head = from.u32("its head", 0, size - 1);
  queue.tail = from.u32("its tail", 0, size - 1);
  queue.busy = from.u32("its command", 0, 1) === 1;
  queue.command.set(from.bytes("a command", queue.command.length));
  return queue;
}

const mostEntries = (id: number, { entries }: NvmeSettings): number =>
  id === 0 ? MOST_ADMIN_ENTRIES : entries;
