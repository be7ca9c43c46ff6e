import {
  checkMethods,
  checkType,
  Failures,
  formatValue,
  type IrqInfo,
  type IrqKind,
  irqKinds,
  PciError,
} from "@userpci/interface";
import { type IrqDevice, kindNames } from "./device.ts";
import { IrqSet } from "./irq-set.ts";

/** Which vectors {@link Irqs.enable} enables. */
export interface EnableOptions {
  /** How many, 1 to `info(kind).count`. Default 1. */
  readonly count?: number;
  /** Number of the first, 0 to `info(kind).count - 1`; `start + count` may not pass that count. Default 0. */
  readonly start?: number;
  /** These and no others, by number, in place of `count` and `start`. */
  readonly vectors?: readonly number[];
}

/** Of these a function can use one at a time (row R11). */
const exclusiveKinds: readonly IrqKind[] = ["intx", "msi", "msix"];

const wantedDevice =
  "pass what a backend has opened: openDevice() has that as device.backendDevice, and its interrupts as device.irqs";

/** The interrupts of one device. */
export class Irqs implements Disposable {
  readonly #device: IrqDevice;
  readonly #onSetClosed: (kind: IrqKind) => void;
  readonly #sets = new Map<IrqKind, IrqSet>();
  #closed = false;

  /**
   * @param onSetClosed told of each set that was closed, when its kind is disabled
   * @throws PciError `ERR_INVALID_ARGUMENT` for what is no device
   */
  constructor(device: IrqDevice, onSetClosed: (kind: IrqKind) => void = () => undefined) {
    checkMethods("device", device, ["irqInfo", "createIrqTarget", "setIrqs", "disableIrqs"], wantedDevice);
    this.#device = device;
    this.#onSetClosed = onSetClosed;
  }

  /** Whether it was closed: all sets are, and none can be enabled. */
  get closed(): boolean {
    return this.#closed;
  }

  /** What the device has of a kind. @throws PciError `ERR_CLOSED`, `ERR_INVALID_ARGUMENT` for a kind that is none */
  info(kind: IrqKind): IrqInfo {
    this.#checkOpen();
    if (!irqKinds.includes(kind)) {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `an interrupt kind is ${irqKinds.join(", ")}, not ${formatValue(kind)}`,
        { hint: 'device.irqs.enable("msi")' },
      );
    }
    return this.#device.irqInfo(kind);
  }

  /** The sets that are enabled. */
  enabled(): readonly IrqSet[] {
    return [...this.#sets.values()];
  }

  /**
   * Enables vectors of a kind and makes a target for each.
   *
   * @throws PciError `ERR_NOT_SUPPORTED` if the function does not have the kind, `ERR_IRQ_COUNT` if it has fewer vectors or
   * the numbers make no sense, `ERR_IRQ_BUSY` if the kind, or one that excludes it, is enabled, `ERR_CLOSED`,
   * `ERR_INVALID_ARGUMENT`; nothing is left half enabled
   */
  enable(kind: IrqKind, options: EnableOptions = {}): IrqSet {
    const info = this.info(kind);
    checkType("options", options, "object");
    if (info.count === 0) throw this.#missing(kind);
    const vectors = this.#vectorsOf(info, options);
    this.#checkFree(kind);
    const set = new IrqSet(this.#device, info, vectors, () => {
      this.#sets.delete(kind);
      this.#onSetClosed(kind);
    });
    this.#sets.set(kind, set);
    return set;
  }

  /** Closes all sets, the youngest first, and refuses new ones. Harmless twice. */
  close(): void {
    this.#closed = true;
    const failures = new Failures();
    for (const set of this.enabled().toReversed()) failures.try(() => set.close());
    failures.throwIfAny(`the interrupts of ${this.#device.address} are closed, but`);
  }

  /** {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #vectorsOf(info: IrqInfo, { count = 1, start = 0, vectors }: EnableOptions): readonly number[] {
    if (vectors !== undefined) return this.#checkVectors(info, vectors);
    if (!(isCount(count) && isIndex(start) && start + count <= info.count)) {
      throw this.#wrongCount(
        info,
        `${formatValue(count)} ${kindNames[info.kind]} vector(s) from ${formatValue(start)} on were`,
        { asked: count, start },
      );
    }
    return Array.from({ length: count }, (_, i) => start + i);
  }

  #checkVectors(info: IrqInfo, vectors: readonly number[]): readonly number[] {
    const fault = faultOf(vectors);
    if (fault !== undefined) {
      throw new PciError("ERR_INVALID_ARGUMENT", `vectors must be an array of different numbers, ${fault}`, {
        hint: "device.irqs.enable(kind, { vectors: [0, 3, 7] })",
      });
    }
    for (const index of vectors) {
      if (isIndex(index) && index < info.count) continue;
      throw this.#wrongCount(info, `${kindNames[info.kind]} vector ${formatValue(index)} was`, { index });
    }
    return [...vectors];
  }

  #wrongCount(info: IrqInfo, asked: string, details: Readonly<Record<string, unknown>>): PciError {
    return new PciError("ERR_IRQ_COUNT", `${asked} asked for; ${this.#device.address} has ${info.count}`, {
      hint: `ask for 1 to ${info.count}, numbered from 0`,
      details: { ...details, available: info.count },
    });
  }

  #checkFree(kind: IrqKind): void {
    const rivals = exclusiveKinds.includes(kind) ? exclusiveKinds : [kind];
    const rival = rivals.find((each) => this.#sets.has(each));
    if (rival === undefined) return;
    const enabled = this.#sets.get(rival)!.count;
    throw new PciError(
      "ERR_IRQ_BUSY",
      `${kindNames[kind]} of ${this.#device.address} cannot be enabled: ${kindNames[rival]} is, with ${enabled} vector(s)`,
      { hint: rival === kind ? "use that set, or its add()" : `close the ${kindNames[rival]} set first` },
    );
  }

  #missing(kind: IrqKind): PciError {
    const present = irqKinds
      .map((each) => ({ each, count: this.#device.irqInfo(each).count }))
      .filter(({ count }) => count > 0)
      .map(({ each, count }) => `${kindNames[each]} (${count})`);
    return new PciError("ERR_NOT_SUPPORTED", `${this.#device.address} has no ${kindNames[kind]}`, {
      hint: `it has ${present.join(", ") || "no interrupt at all"}`,
    });
  }

  #checkOpen(): void {
    if (!this.#closed) return;
    throw new PciError("ERR_CLOSED", `the interrupts of ${this.#device.address} are closed`, {
      hint: "open the device again: its interrupts are closed with it",
    });
  }
}

/** What is wrong with a list of vectors as a list. */
function faultOf(vectors: readonly number[]): string | undefined {
  if (!Array.isArray(vectors)) return `not ${formatValue(vectors)}`;
  if (vectors.length === 0) return "not an empty one";
  const seen = new Set<number>();
  for (const index of vectors) {
    if (seen.has(index)) return `and has ${formatValue(index)} twice`;
    seen.add(index);
  }
  return undefined;
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}
