import { type IrqTarget, PciError, type SharedIrqTarget } from "@userpci/interface";

/** The kernel's side of an eventfd. */
class TestCounter {
  count = 0;
  /** Told of every signal. */
  readonly watchers = new Set<() => void>();

  take(): number {
    const { count } = this;
    this.count = 0;
    return count;
  }
}

/** What two threads know of a shared target. */
interface Lease {
  readonly counter: TestCounter;
  state: "offered" | "adopted" | "over";
  ended: () => void;
}

interface SharedTestTarget extends SharedIrqTarget {
  readonly lease: Lease;
}

/** An eventfd without a kernel: a counter that is read by one listener, on the event loop, or by `take` and `waitSync`. */
export class TestTarget implements IrqTarget {
  closed = false;
  /** How often a listener was put in, for the cost of listening. */
  listens = 0;
  /** What happens while `waitSync` blocks. */
  duringWait: (() => void) | undefined;
  /** The sleeps and budgets that `waitSync` was asked for. */
  readonly waits: [timeoutMs: number, spinUs: number][] = [];
  readonly #counter: TestCounter;
  readonly #adopted: Lease | undefined;
  #offered: Lease | undefined;
  #ref = true;
  #listener: ((count: number) => void) | undefined;
  #onSignal: (() => void) | undefined;

  constructor(adopted?: Lease) {
    this.#adopted = adopted;
    this.#counter = adopted?.counter ?? new TestCounter();
    this.#counter.watchers.add(this.#signalled);
  }

  /** Adopts what `share()` of one gave, as another thread would. */
  static adopt(shared: SharedIrqTarget, ended: () => void): TestTarget {
    const { lease } = shared as SharedTestTarget;
    if (lease.state === "adopted") throw new PciError("ERR_IRQ_BUSY", "another thread has it");
    if (lease.state === "over") throw new PciError("ERR_CLOSED", "the offer is void");
    lease.state = "adopted";
    lease.ended = ended;
    return new TestTarget(lease);
  }

  /** Whether a listener would keep the process alive now. */
  get keepsAlive(): boolean {
    return this.#ref && this.listening;
  }

  get listening(): boolean {
    return this.#listener !== undefined;
  }

  get shared(): boolean {
    return this.#offered !== undefined && this.#offered.state !== "over";
  }

  listen(listener: (count: number) => void): void {
    this.#checkFree();
    this.#listener = listener;
    this.listens++;
    this.#schedule();
  }

  unlisten(): void {
    this.#listener = undefined;
  }

  ref(on: boolean): void {
    this.#ref = on;
  }

  take(): number {
    this.#checkFree();
    return this.#counter.take();
  }

  waitSync(timeoutMs: number, spinUs = 0): number {
    this.#checkFree();
    this.waits.push([timeoutMs, spinUs]);
    if (this.#counter.count === 0) this.duringWait?.();
    return this.take();
  }

  signal(count = 1): void {
    this.#checkOpen();
    this.#counter.count += count;
    for (const watcher of this.#counter.watchers) watcher();
  }

  /** Calls `told` at every signal, as the kernel does for a target that unmasks. */
  onSignal(told: (() => void) | undefined): void {
    this.#onSignal = told;
  }

  share(): SharedTestTarget {
    this.unshare();
    this.#checkFree();
    this.#offered = { counter: this.#counter, state: "offered", ended: () => {} };
    return { type: "test", lease: this.#offered };
  }

  unshare(): void {
    if (this.#offered?.state === "adopted") throw new PciError("ERR_IRQ_BUSY", "another thread has it");
    if (this.#offered !== undefined) this.#offered.state = "over";
    this.#offered = undefined;
  }

  close(): void {
    this.closed = true;
    this.unlisten();
    this.#counter.watchers.delete(this.#signalled);
    if (this.#adopted !== undefined) this.#adopted.state = "over";
    if (this.#offered === undefined) return;
    this.#offered.state = "over";
    setImmediate(this.#offered.ended);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  readonly #signalled = (): void => {
    this.#onSignal?.();
    this.#schedule();
  };

  #schedule(): void {
    if (this.#listener === undefined || this.#counter.count === 0) return;
    setImmediate(() => {
      if (this.#listener === undefined || this.#counter.count === 0) return;
      this.#listener(this.#counter.take());
    });
  }

  #checkFree(): void {
    this.#checkOpen();
    if (this.#listener !== undefined) throw new PciError("ERR_IRQ_BUSY", "a listener reads this target");
    if (this.shared) throw new PciError("ERR_IRQ_BUSY", "another thread reads this target");
  }

  #checkOpen(): void {
    if (this.closed) throw new PciError("ERR_CLOSED", "the target is closed");
  }
}
