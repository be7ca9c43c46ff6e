import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Bench, Limit } from "../bench.ts";
import { InterruptBed, type Way } from "../interrupt-bed.ts";

/** Pairs of processes to each round of the hybrid wait. */
const HYBRID_PAIRS = 5;

const limits: readonly Limit[] = [{ of: "C", atMost: 1.2 }];
const spinLimits: readonly Limit[] = [{ of: "C", atMost: 1.1 }];

/** Interrupts of an eventfd, from the signal to the first line of what waits for it. */
export async function interruptRows(bench: Bench): Promise<void> {
  await withListener(bench, "oneway", "interrupt to a callback", limits);
  await withIterator(bench, "oneway", "interrupt to for await");
  await withWait(bench, "oneway", "interrupt to waitSync");
  await withListener(bench, "roundtrip", "interrupt and answer, through a callback", limits);
  await withIterator(bench, "roundtrip", "interrupt and answer, through for await");
  await withWait(bench, "roundtrip", "interrupt and answer, through waitSync");
  await withHybridWait(bench);
  await withListener(bench, "together", "interrupt to a callback on the sender's processor");
  await withWait(bench, "together", "interrupt to waitSync on the sender's processor");
}

const program = (way: Way): readonly string[] => ["interrupt", "pair", way];

async function withListener(
  bench: Bench,
  way: Way,
  name: string,
  limits: readonly Limit[] = [],
): Promise<void> {
  await using bed = new InterruptBed(way);
  using _subscription = bed.vector().on(() => bed.answer());
  await bench.row({ name, typescript: () => bed.round(), c: program(way), limits });
}

async function withIterator(bench: Bench, way: Way, name: string): Promise<void> {
  await using bed = new InterruptBed(way);
  const events = bed.vector().events();
  const consume = async (): Promise<void> => {
    for await (const _count of events) bed.answer();
  };
  const consumed = consume();
  await bench.row({ name, typescript: () => bed.round(), c: program(way) });
  bed.target.signal();
  await events.return?.();
  await consumed;
}

async function withWait(bench: Bench, way: Way, name: string): Promise<void> {
  await using bed = new InterruptBed(way);
  const vector = bed.vector();
  await bench.row({ name, typescript: () => bed.roundOfWaits(vector), c: program(way) });
}

/**
 * Which lines of the caches the counter, the mark and the stack of a process get decides a fifth of so short a time, one way
 * or the other: each round has two processes of its own.
 */
async function withHybridWait(bench: Bench): Promise<void> {
  const name = "interrupt to a hybrid waitSync, against spinning";
  const receiver = fileURLToPath(new URL("../hybrid-receiver.js", import.meta.url));
  const typescript = async (): Promise<number> => {
    const { stdout } = await promisify(execFile)(process.execPath, [receiver]);
    return Number(stdout);
  };
  await bench.row({ name, typescript, c: program("spin"), limits: spinLimits, afresh: HYBRID_PAIRS });
}
