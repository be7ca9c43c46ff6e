import type { IrqTarget } from "@userpci/interface";

/** Listens to a target or not, and keeps the process alive meanwhile or not. Starting and stopping cost system calls. */
export class TargetListener {
  readonly #target: IrqTarget;
  readonly #arrived: (count: number) => void;
  #listening = false;
  #mayKeepAlive = true;

  /** @param arrived called with the events' count */
  constructor(target: IrqTarget, arrived: (count: number) => void) {
    this.#target = target;
    this.#arrived = arrived;
  }

  /** Whether whoever awaits events keeps the process alive. */
  get mayKeepAlive(): boolean {
    return this.#mayKeepAlive;
  }

  /** @param isAwaited whether somebody awaits events now */
  allowKeepAlive(on: boolean, isAwaited: boolean): void {
    this.#mayKeepAlive = on;
    if (this.#listening) this.#target.ref(on && isAwaited);
  }

  /** Listens, for somebody who awaits events. Harmless while listening. */
  start(): void {
    if (!this.#listening) this.#target.listen(this.#arrived);
    this.#listening = true;
    this.#target.ref(this.#mayKeepAlive);
  }

  /** Goes on listening, though nobody awaits events: that keeps no process alive. */
  idle(): void {
    if (this.#listening) this.#target.ref(false);
  }

  /** Harmless while not listening. */
  stop(): void {
    if (!this.#listening) return;
    this.#listening = false;
    this.#target.unlisten();
  }
}
