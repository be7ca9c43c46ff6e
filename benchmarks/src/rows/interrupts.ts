import type { IrqKind, IrqTarget } from "@userpci/interface";
import { type IrqDevice, Irqs, type Vector } from "@userpci/irq";
import type { Bench, Limit } from "../bench.ts";
import { Counterpart } from "../counterpart.ts";
import { EventfdTarget, loadNative } from "../internals.ts";
import { SharedPage } from "../shared-page.ts";

/** Interrupts of one round, as in c/interrupt.c. */
const SHOTS = 500;
const PATIENCE_MS = 5000;

/** Longer than the source waits between two interrupts, so that a spinning wait never sleeps. */
const BUDGET_US = 1000;

/** Pairs of processes to each round of the hybrid wait. */
const HYBRID_PAIRS = 5;

const limits: readonly Limit[] = [{ of: "C", atMost: 1.2 }];
const spinLimits: readonly Limit[] = [{ of: "C", atMost: 1.1 }];

/** An interrupt of a device that is another process: it signals an eventfd, and watches for what this one does. */
class Bed implements AsyncDisposable {
  readonly target: InstanceType<typeof EventfdTarget>;
  readonly #back: InstanceType<typeof EventfdTarget>;
  readonly #page = new SharedPage();
  readonly #seen: Int32Array;
  readonly #source: Counterpart;
  readonly #answers: boolean;

  constructor(way: Way) {
    const native = loadNative();
    this.target = new EventfdTarget(native);
    this.#back = new EventfdTarget(native);
    this.#seen = new Int32Array(this.#page.buffer);
    this.#answers = way === "roundtrip";
    this.#source = new Counterpart(
      ["interrupt", "source", way],
      [this.target.fd, this.#back.fd, this.#page.fd],
    );
  }

  /** What a receiver does first: shows the source that the interrupt has arrived. */
  answer(): void {
    if (this.#answers) this.#back.signal();
    else this.#seen[0] = this.#seen[0]! + 1;
  }

  /** One round of interrupts. @returns the median of their times in nanoseconds */
  round(): Promise<number> {
    return this.#source.round();
  }

  /** A vector that fires when the source signals. */
  vector(): Vector {
    return new Irqs(deviceWith(this.target)).enable("msi").at(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
    this.target.close();
    this.#back.close();
    this.#page[Symbol.dispose]();
  }
}

/** A device with one MSI, whose target is given. */
function deviceWith(target: IrqTarget): IrqDevice {
  return {
    address: "an eventfd",
    irqInfo: (kind: IrqKind) => ({ kind, count: 1, maskable: false, autoMasked: false, resizable: false }),
    createIrqTarget: () => target,
    setIrqs: () => undefined,
    disableIrqs: () => undefined,
    maskIrqs: () => undefined,
    unmaskIrqs: () => undefined,
    setUnmaskTarget: () => undefined,
    triggerIrqs: () => undefined,
  };
}

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

/** What is timed: a choice of c/interrupt.c. */
type Way = "oneway" | "roundtrip" | "together" | "spin";
const program = (way: Way): readonly string[] => ["interrupt", "pair", way];

async function withListener(
  bench: Bench,
  way: Way,
  name: string,
  limits: readonly Limit[] = [],
): Promise<void> {
  await using bed = new Bed(way);
  using _subscription = bed.vector().on(() => bed.answer());
  await bench.row({ name, typescript: () => bed.round(), c: program(way), limits });
}

async function withIterator(bench: Bench, way: Way, name: string): Promise<void> {
  await using bed = new Bed(way);
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
  await using bed = new Bed(way);
  const vector = bed.vector();
  await bench.row({ name, typescript: () => roundOfWaits(bed, vector), c: program(way) });
}

/**
 * Which lines of the cache the counter and the mark of a process lie in decides a fifth of so short a time, one way or the
 * other: each round has a counter, a mark and a source of its own.
 */
async function withHybridWait(bench: Bench): Promise<void> {
  const name = "interrupt to a hybrid waitSync, against spinning";
  const typescript = async (): Promise<number> => {
    await using bed = new Bed("spin");
    const vector = bed.vector();
    await roundOfWaits(bed, vector, BUDGET_US);
    return await roundOfWaits(bed, vector, BUDGET_US);
  };
  await bench.row({ name, typescript, c: program("spin"), limits: spinLimits, afresh: HYBRID_PAIRS });
}

function roundOfWaits(bed: Bed, vector: Vector, spinUs = 0): Promise<number> {
  const figure = bed.round();
  for (let shot = 0; shot < SHOTS; shot++) {
    if (vector.waitSync({ timeoutMs: PATIENCE_MS, spinUs }) === 0) throw new Error("no interrupt came");
    bed.answer();
  }
  return figure;
}
