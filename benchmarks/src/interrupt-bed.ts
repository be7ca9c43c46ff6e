import type { IrqKind, IrqTarget } from "@userpci/interface";
import { type IrqDevice, Irqs, type Vector } from "@userpci/irq";
import { Counterpart } from "./counterpart.ts";
import { EventfdTarget, loadNative } from "./internals.ts";
import { SharedPage } from "./shared-page.ts";

/** Interrupts of one round, as in c/interrupt.c. */
const SHOTS = 500;
const PATIENCE_MS = 5000;

/** What is timed: a choice of c/interrupt.c. */
export type Way = "oneway" | "roundtrip" | "together" | "spin";

/**
 * An interrupt of a device that is another process, `interrupt source` of c/interrupt.c: it signals an eventfd, and watches for what this one does.
 */
export class InterruptBed implements AsyncDisposable {
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

  /** One round, for each interrupt of which this thread waits. @returns its figure */
  async roundOfWaits(vector: Vector, spinUs = 0): Promise<number> {
    const figure = this.round();
    // If an interrupt is missing nobody waits for it, and its own failure must not hide that.
    figure.catch(() => undefined);
    for (let shot = 0; shot < SHOTS; shot++) waitAndAnswer(this, vector, spinUs);
    return await figure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]();
    this.target.close();
    this.#back.close();
    this.#page[Symbol.dispose]();
  }
}

/** What a driver would do, outside the asynchronous function, into which V8 takes little. */
function waitAndAnswer(bed: InterruptBed, vector: Vector, spinUs: number): void {
  if (vector.waitSync({ timeoutMs: PATIENCE_MS, spinUs }) === 0) throw new Error("no interrupt came");
  bed.answer();
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
