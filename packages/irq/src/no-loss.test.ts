import { type IrqKind, isPciError } from "@userpci/interface";
import fc from "fast-check";
import { expect, it } from "vitest";
import { adoptVector } from "./adopted-vector.ts";
import { type Opened, opened, turns } from "./testing/opened.ts";
import { TestTarget } from "./testing/target.ts";
import type { AdoptedVector, SharedVector, Subscription, Vector } from "./vector.ts";

/** Errors that mean "somebody else reads", "given up", "closed meanwhile": no event may be lost by any of them. */
const harmless = ["ERR_IRQ_BUSY", "ERR_ABORTED", "ERR_CLOSED"];

/** A driver that reads one vector in every way, in two threads, and counts what it is handed. */
class Driver {
  readonly opened: Opened;
  sent = 0;
  seen = 0;
  readonly #kind: IrqKind;
  readonly #subscriptions: Subscription[] = [];
  readonly #pending: Promise<void>[] = [];
  readonly #aborts: AbortController[] = [];
  readonly #iterators = new Map<Vector, AsyncIterableIterator<number>>();
  #shared: SharedVector | undefined;
  #adopted: AdoptedVector | undefined;

  constructor(kind: "msi" | "intx") {
    this.#kind = kind;
    this.opened = opened(kind);
  }

  /** Whoever reads now: the thread that adopted the vector, or its own. */
  get reader(): Vector {
    return this.#adopted ?? this.opened.vector;
  }

  fire(count: number): void {
    const { device } = this.opened;
    this.sent += count;
    if (this.#kind === "intx") device.raise();
    else device.fire("msi", 0, count);
  }

  /** Handles events: the device is told that they have been seen. */
  readonly handle = (count: number): void => {
    this.seen += count;
    this.opened.device.asserted = false;
  };

  now(ask: () => number): void {
    this.try(() => this.handle(ask()));
  }

  later(ask: (signal: AbortSignal) => Promise<number>): void {
    const controller = new AbortController();
    this.#aborts.push(controller);
    const asked = ask(controller.signal).then(this.handle, (error: unknown) => this.#forgive(error));
    this.#pending.push(asked);
  }

  /** One listener takes the place of the other: both would be told of the same events. */
  listen(): void {
    this.#stopListening();
    this.try(() => void this.#subscriptions.push(this.reader.on(this.handle)));
  }

  iterate(spinUs: number): void {
    const { reader } = this;
    const iterator = this.#iterators.get(reader) ?? reader.events({ spinUs });
    this.#iterators.set(reader, iterator);
    this.later(async () => (await iterator.next()).value ?? 0);
  }

  share(): void {
    this.try(() => {
      this.#shared = this.opened.vector.share();
    });
  }

  adopt(): void {
    if (this.#shared === undefined) return;
    this.try(() => {
      this.#adopted = adoptVector(this.#shared!, TestTarget.adopt);
    });
    this.#shared = undefined;
  }

  giveBack(): void {
    this.#adopted?.close();
    this.#adopted = undefined;
  }

  async endReaders(): Promise<void> {
    this.#stopListening();
    for (const controller of this.#aborts.splice(0)) controller.abort();
    for (const iterator of this.#iterators.values()) await iterator.return?.();
    this.#iterators.clear();
    await Promise.all(this.#pending.splice(0));
  }

  #stopListening(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.close();
  }

  try(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#forgive(error);
    }
  }

  #forgive(error: unknown): void {
    if (!harmless.some((code) => isPciError(error, code))) throw error;
  }
}

const small = fc.integer({ min: 1, max: 4 });
const nothing = fc.constant(0);
/** What may happen to a vector, each with a number of its own meaning. */
const steps: Record<string, [fc.Arbitrary<number>, (driver: Driver, n: number) => unknown]> = {
  fire: [small, (driver, n) => driver.fire(n)],
  turn: [small, (_driver, n) => turns(n)],
  take: [nothing, (driver) => driver.now(() => driver.reader.take())],
  waitSync: [nothing, (driver, n) => driver.now(() => driver.reader.waitSync({ timeoutMs: n, spinUs: n }))],
  wait: [nothing, (driver) => driver.later((signal) => driver.reader.wait({ signal }))],
  spin: [small, (driver, n) => driver.later((signal) => driver.reader.wait({ signal, spinUs: n }))],
  poll: [nothing, (driver) => driver.later((signal) => driver.reader.wait({ signal, timeoutMs: 0 }))],
  listen: [nothing, (driver) => driver.listen()],
  iterate: [fc.integer({ min: 0, max: 2 }), (driver, n) => driver.iterate(n)],
  share: [nothing, (driver) => driver.share()],
  unshare: [nothing, (driver) => driver.try(() => driver.opened.vector.unshare())],
  adopt: [nothing, (driver) => driver.adopt()],
  handOver: [nothing, (driver) => [driver.share(), driver.adopt()]],
  giveBack: [nothing, (driver) => driver.giveBack()],
  endReaders: [nothing, (driver) => driver.endReaders()],
};
const often: Readonly<Record<string, number>> = { fire: 5, turn: 5, wait: 3, iterate: 2, handOver: 2 };
const step = fc.oneof(
  ...Object.entries(steps).map(([name, [argument]]) => ({
    weight: often[name] ?? 1,
    arbitrary: fc.tuple(fc.constant(name), argument),
  })),
);
const script = fc.array(step, { maxLength: 60, size: "max" });

async function play(driver: Driver, script: readonly (readonly [string, number])[]): Promise<void> {
  for (const [name, n] of script) await steps[name]![1](driver, n);
  await driver.endReaders();
  driver.giveBack();
  driver.try(() => driver.opened.vector.unshare());
}

it("hands over every event once, whoever reads when, in whichever thread", async () => {
  await fc.assert(
    fc.asyncProperty(script, async (played) => {
      const driver = new Driver("msi");
      await play(driver, played);
      driver.now(() => driver.opened.vector.take());
      expect(driver.seen).toBe(driver.sent);
    }),
    { numRuns: 300 },
  );
});

it("leaves no INTx line masked for good, nor an interrupt unseen", async () => {
  await fc.assert(
    fc.asyncProperty(script, async (played) => {
      const driver = new Driver("intx");
      const { device, vector } = driver.opened;
      await play(driver, played);
      // Hands over what is left, and asks for more.
      for (let i = 0; i < 3; i++) driver.now(() => vector.take());
      expect([device.asserted, device.masked.size]).toEqual([false, 0]);
      device.raise();
      expect(vector.take()).toBe(1);
    }),
    { numRuns: 300 },
  );
});
