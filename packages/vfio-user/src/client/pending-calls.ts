import type { PciError } from "@userpci/interface";

/** A call that does not hold up this thread, until its answer. */
export interface PendingCall {
  /** Its number. */
  readonly command: number;
  settle(result: number): void;
}

interface Waiting extends PendingCall {
  readonly timer: NodeJS.Timeout;
  fail(error: PciError): void;
}

/** Calls whose answers have not come, by their ids. */
export class PendingCalls {
  readonly #waiting = new Map<number, Waiting>();

  has(id: number): boolean {
    return this.#waiting.has(id);
  }

  /**
   * Waits for an answer.
   *
   * @param late called if none has come in time
   * @returns (resolves to) what {@link PendingCall.settle} was given; rejects with the error of {@link fail}
   */
  add(id: number, command: number, timeoutMs: number, late: () => void): Promise<number> {
    return new Promise((settle, fail) => {
      // A thread that was held up calls its timers before it reads its sockets: what came in time is not late.
      const timer = setTimeout(() => setImmediate(lookAgain), timeoutMs);
      const lookAgain = (): void => {
        if (this.#waiting.get(id)?.timer === timer) late();
      };
      this.#waiting.set(id, { command, timer, settle, fail });
    });
  }

  /** The call with an id, whose answer is there; undefined if nobody waits for it. */
  take(id: number): PendingCall | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  /** Ends all of them. */
  fail(error: PciError): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { timer, fail } of all) {
      clearTimeout(timer);
      fail(error);
    }
  }
}
