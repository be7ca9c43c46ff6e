import { Failures, formatValue, type IrqInfo, type IrqKind, isPciError, PciError } from "@userpci/interface";
import { type IrqDevice, kindNames } from "./device.ts";
import { IrqVector } from "./irq-vector.ts";
import type { Vector } from "./vector.ts";
import { VectorOffer } from "./vector-offer.ts";
import { type Run, runsOf, wholeOf } from "./vector-run.ts";

/** The enabled vectors of one kind. Made by `Irqs.enable`; iterates over its vectors by ascending number. */
export class IrqSet implements Disposable, Iterable<Vector> {
  readonly kind: IrqKind;
  readonly #device: IrqDevice;
  readonly #info: IrqInfo;
  readonly #onClose: () => void;
  readonly #vectors = new Map<number, IrqVector>();
  /** Vectors below this number have been there since the kind was enabled, with or without a target. */
  readonly #allocated: number;
  #closed = false;

  /** @throws PciError what the backend says; nothing is enabled then */
  constructor(device: IrqDevice, info: IrqInfo, vectors: readonly number[], onClose: () => void) {
    this.kind = info.kind;
    this.#device = device;
    this.#info = info;
    this.#onClose = onClose;
    this.#allocated = Math.max(...vectors) + 1;
    this.#enable(vectors);
  }

  /** Whether it was closed: its vectors are, and the kind is off. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Number of vectors. */
  get count(): number {
    return this.#vectors.size;
  }

  /**
   * A vector by its number, as the function counts them: after `enable(kind, { start: 3 })` the first is `at(3)`.
   *
   * @throws PciError `ERR_CLOSED`, `ERR_OUT_OF_RANGE`, `ERR_INVALID_ARGUMENT` for what is no number of a vector
   */
  at(index: number): Vector {
    this.#checkOpen();
    const vector = this.#vectors.get(index);
    if (vector !== undefined) return vector;
    checkVectorNumber(index);
    throw this.#notEnabled(index);
  }

  /** The vectors, by number. */
  *[Symbol.iterator](): Generator<Vector, void> {
    yield* [...this.#vectors.values()].sort((a, b) => a.index - b.index);
  }

  /**
   * Adds vectors while the others go on, any subset that the function has. Where the kernel cannot allocate more while
   * some are enabled (`info(kind).resizable`), these are the ones below the highest that the kind was enabled with: those
   * left out then, or removed since.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` where the kernel cannot do that, `ERR_IRQ_COUNT` if the function does not have one,
   * `ERR_IRQ_BUSY` if one is enabled already, `ERR_CLOSED`, `ERR_INVALID_ARGUMENT` for what is no number of a vector; none
   * is added then
   */
  add(vectors: readonly number[]): readonly Vector[] {
    this.#checkOpen();
    checkVectorNumbers(vectors);
    for (const index of vectors) this.#checkNew(index, vectors);
    const beyond = vectors.find((index) => index >= this.#allocated);
    if (!this.#info.resizable && beyond !== undefined) {
      throw new PciError(
        "ERR_NOT_SUPPORTED",
        `${kindNames[this.kind]} vector ${beyond} of ${this.#device.address} cannot be added while ${this.count} are enabled`,
        {
          hint: "close the set and enable all vectors at once; Linux 6.4 and later can add MSI-X vectors",
          details: { allocated: this.#allocated },
        },
      );
    }
    return this.#connect(vectors);
  }

  /**
   * Disconnects vectors, while the others go on and the kind stays enabled. Their readers end as at `close`.
   *
   * @throws PciError `ERR_CLOSED`, `ERR_OUT_OF_RANGE` if one is not enabled, `ERR_INVALID_ARGUMENT`, what the backend says,
   * such as `ERR_RESETTING`; none is removed then
   */
  remove(vectors: readonly number[]): void {
    this.#checkOpen();
    checkVectorNumbers(vectors);
    for (const index of vectors) if (!this.#vectors.has(index)) throw this.#notEnabled(index);
    const removed = [...new Set(vectors)].map((index) => this.#vectors.get(index)!);
    this.#disconnect(removed);
    const failures = new Failures();
    for (const vector of removed) {
      failures.try(() => vector.end());
      this.#vectors.delete(vector.index);
    }
    failures.throwIfAny("the vectors are removed, but");
  }

  /**
   * Disables the kind, closes the targets and ends all readers: iterators are done, pending `wait` calls reject with
   * `ERR_CLOSED`, listeners are not called again. Harmless twice.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const failures = new Failures();
    failures.try(() => this.#disable());
    for (const vector of this.#vectors.values()) failures.try(() => vector.end());
    this.#vectors.clear();
    failures.try(() => this.#onClose());
    failures.throwIfAny(`${kindNames[this.kind]} of ${this.#device.address} is closed, but`);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Enables the kind with these vectors, or not at all. */
  #enable(vectors: readonly number[]): void {
    try {
      this.#connect(vectors, this.#info.resizable ? runsOf : wholeOf);
    } catch (error) {
      const failures = new Failures();
      failures.try(() => this.#disable());
      throw error;
    }
  }

  /** Gives each vector a target, or none of them. */
  #connect(vectors: readonly number[], split: typeof runsOf = runsOf): IrqVector[] {
    const made: IrqVector[] = [];
    const connected: Run[] = [];
    try {
      for (const index of vectors) made.push(this.#makeVector(index));
      for (const run of split(made)) {
        const targets = run.vectors.map((vector) => vector?.target ?? null);
        this.#device.setIrqs(this.kind, run.start, targets);
        connected.push(run);
      }
    } catch (error) {
      const failures = new Failures();
      for (const { start, vectors } of connected) {
        const none = vectors.map(() => null);
        failures.try(() => this.#device.setIrqs(this.kind, start, none));
      }
      for (const vector of made) failures.try(() => vector.end());
      throw error;
    }
    for (const vector of made) this.#vectors.set(vector.index, vector);
    return made;
  }

  #makeVector(index: number): IrqVector {
    const target = this.#device.createIrqTarget();
    const offer = new VectorOffer(this.#device, this.#info, index, target);
    return new IrqVector(this.#device, this.#info, index, target, offer);
  }

  /** Takes the target of each vector away from the device, or of none. */
  #disconnect(vectors: readonly IrqVector[]): void {
    const disconnected: IrqVector[] = [];
    try {
      for (const vector of vectors) {
        this.#device.setIrqs(this.kind, vector.index, [null]);
        disconnected.push(vector);
      }
    } catch (error) {
      const failures = new Failures();
      for (const { index, target } of disconnected) {
        failures.try(() => this.#device.setIrqs(this.kind, index, [target]));
      }
      throw error;
    }
  }

  #disable(): void {
    try {
      this.#device.disableIrqs(this.kind);
    } catch (error) {
      // A device that is closed or gone fires no more.
      if (!isPciError(error, "ERR_CLOSED") && !isPciError(error, "ERR_DEVICE_GONE")) throw error;
    }
  }

  #checkNew(index: number, all: readonly number[]): void {
    const { count } = this.#info;
    if (index < 0 || index >= count) {
      throw new PciError(
        "ERR_IRQ_COUNT",
        `${this.#device.address} has ${kindNames[this.kind]} vectors 0 to ${count - 1}, not ${index}`,
        { hint: "device.irqs.info(kind).count tells how many there are" },
      );
    }
    if (this.#vectors.has(index) || all.indexOf(index) !== all.lastIndexOf(index)) {
      throw new PciError("ERR_IRQ_BUSY", `${kindNames[this.kind]} vector ${index} is enabled already`, {
        hint: `use it: at(${index})`,
      });
    }
  }

  #checkOpen(): void {
    if (this.#closed) {
      throw new PciError("ERR_CLOSED", `${kindNames[this.kind]} of ${this.#device.address} is closed`, {
        hint: `enable it again: device.irqs.enable("${this.kind}")`,
      });
    }
  }

  #notEnabled(index: number): PciError {
    const enabled = [...this].map((vector) => vector.index).join(", ");
    return new PciError(
      "ERR_OUT_OF_RANGE",
      `${kindNames[this.kind]} vector ${index} of ${this.#device.address} is not enabled; enabled: ${enabled || "none"}`,
      { hint: `enable it with the others, or add([${index}])` },
    );
  }
}

function checkVectorNumbers(vectors: readonly number[]): void {
  if (!Array.isArray(vectors)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `vectors must be an array, not ${formatValue(vectors)}`, {
      hint: "pass the numbers in an array, even a single one: [3]",
    });
  }
  for (const index of vectors) checkVectorNumber(index);
}

function checkVectorNumber(index: number): void {
  if (Number.isSafeInteger(index)) return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `the number of a vector must be an integer, not ${formatValue(index)}`,
    { hint: "pass the number as the function counts its vectors, such as at(0)" },
  );
}
