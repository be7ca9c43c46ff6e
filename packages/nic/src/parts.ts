import { Failures } from "@userpci/interface";

/** Disposes of what was made if the rest cannot be. */
export class Parts implements Disposable {
  #parts: Disposable[] = [];

  add<T extends Disposable>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** All is made: it has another owner. */
  keep(): void {
    this.#parts = [];
  }

  [Symbol.dispose](): void {
    const failures = new Failures();
    for (const part of this.#parts.splice(0).reverse()) failures.try(() => part[Symbol.dispose]());
    failures.throwIfAny("what was made is given back, but");
  }
}
