import type { PciError } from "@userpci/interface";
import { Deadline } from "../deadline.ts";

/** A call that does not hold up this thread, until its answer. */
export interface PendingCall {
  /** Its number. */
  readonly command: number;
  settle(result: number): void;
}

interface Waiting extends PendingCall {
  readonly deadline: Deadline;
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
      this.#waiting.set(id, { command, deadline: new Deadline(timeoutMs, late), settle, fail });
    });
  }

  /** The call with an id, whose answer is there; undefined if nobody waits for it. */
  take(id: number): PendingCall | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.deadline.cancel();
    return waiting;
  }

  /** Ends all of them. */
  fail(error: PciError): void {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { deadline, fail } of all) {
      deadline.cancel();
      fail(error);
    }
  }
}
