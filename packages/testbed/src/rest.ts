/** A machine that can stand still. */
export interface Pausable {
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** How long a machine goes on after its last use: what a client left behind is still being killed. */
const GRACE_MS = 1000;

/** Lets a machine stand still while nobody uses it: each that idles takes a few percent of a processor from those that do not. */
export class Rest {
  readonly #machine: Pausable;
  #timer: NodeJS.Timeout | undefined;
  #isResting = false;
  #change = Promise.resolve();

  constructor(machine: Pausable) {
    this.#machine = machine;
  }

  /** Nobody uses it any more. Harmless while it rests. */
  begin(): void {
    if (this.#isResting) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#isResting = true;
      this.#then(() => this.#machine.pause());
    }, GRACE_MS).unref();
  }

  /** Somebody uses it: resolves when it runs, or is found dead. */
  async end(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isResting) {
      this.#isResting = false;
      this.#then(() => this.#machine.resume());
    }
    await this.#change;
  }

  /** One after the other. A machine that has died tells so to whoever uses it. */
  #then(step: () => Promise<void>): void {
    this.#change = this.#change.then(step).catch(() => {});
  }
}
