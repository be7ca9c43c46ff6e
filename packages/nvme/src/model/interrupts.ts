import type { ModelInterrupts } from "@userpci/device-model";
import type { CompletionQueue } from "./queues.ts";

/**
 * The interrupts of a controller: a message of MSI-X when completions were posted; the pin's level while there are any that
 * the host has not taken, unless their vector is masked by INTMS (NVM Express Base 1.4, section 7.5; PCIe Transport 1.0, 3.5).
 */
export class Interrupts {
  readonly #device: ModelInterrupts;
  readonly #queues: ReadonlyMap<number, CompletionQueue>;
  #mask = 0;
  #asserted = false;

  constructor(device: ModelInterrupts, queues: ReadonlyMap<number, CompletionQueue>) {
    this.#device = device;
    this.#queues = queues;
  }

  /** INTMS: bits of vectors that do not interrupt by the pin. */
  get mask(): number {
    return this.#mask;
  }

  set mask(mask: number) {
    this.#mask = mask >>> 0;
    this.updateLine();
  }

  /** Tells of what was posted to a queue since it last told. */
  tell(queue: CompletionQueue): void {
    if (!queue.untold) return;
    queue.untold = false;
    if (queue.vector === undefined) return;
    if (this.#device.mode === "msix") this.#device.signal(queue.vector);
    this.updateLine();
  }

  /** Asserts the pin, or takes it back. */
  updateLine(): void {
    const asserted = this.#device.mode !== "msix" && this.#anyWaits();
    if (asserted === this.#asserted) return;
    this.#asserted = asserted;
    this.#device.setLine(asserted);
  }

  #anyWaits(): boolean {
    for (const { vector, empty } of this.#queues.values()) {
      if (vector === undefined || empty) continue;
      if (vector > 31 || ((this.#mask >>> vector) & 1) === 0) return true;
    }
    return false;
  }
}
