import { formatValue, isPciError, PciError } from "@userpci/interface";
import { type IrqDevice, Irqs, type Subscription } from "@userpci/irq";
import type { ConfigSpace } from "@userpci/pci-config";
import { type AerCounter, readAerCounters } from "@userpci/sysfs";

/** An error that a device's own registers have. */
export interface RecordedError {
  readonly severity: "correctable" | "uncorrectable";
  /** As `@userpci/pci-config` names the bit, such as `completionTimeout`. */
  readonly error: string;
}

/** What went wrong with a device, as far as it and the kernel tell (PCI Express 5.0, section 6.2). */
export interface DeviceErrorReport {
  /** PCI address, or what the backend was given. */
  readonly address: string;
  /** Events since the report before. */
  readonly events: number;
  /** What stands in the status registers of its AER capability; empty where the kernel has cleared them, or without one. */
  readonly recorded: readonly RecordedError[];
  /** What the kernel has counted at the device and the ports above it since the report before; how often by then. */
  readonly counted: readonly AerCounter[];
}

/** Told of a {@link DeviceErrorReport}. */
export type ErrorListener = (report: DeviceErrorReport) => void;

/** What an {@link ErrorWatch} reads. */
export interface ErrorSource {
  readonly address: string;
  readonly config: ConfigSpace;
  /** Counters of errors of a function; default: those of sysfs. */
  readonly counters?: (address: string) => readonly AerCounter[];
}

const severities = { correctableStatus: "correctable", uncorrectableStatus: "uncorrectable" } as const;

/** Listens to a device's error events, from the first listener on, and says what they were. */
export class ErrorWatch {
  readonly #device: ErrorSource;
  readonly #irqs: Irqs;
  readonly #listeners = new Set<{ readonly call: ErrorListener }>();
  #counted = new Map<string, number>();
  #started = false;

  /** @param source tells of errors by its kind `err`, if it has one */
  constructor(device: ErrorSource, source: IrqDevice) {
    this.#device = device;
    this.#irqs = new Irqs(source);
  }

  /**
   * Tells `listener` from now on.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_CLOSED`, what the backend says of its interrupts
   */
  on(listener: ErrorListener): Subscription {
    if (typeof listener !== "function") {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `a listener must be a function, not ${formatValue(listener)}`,
        {
          hint: "device.onError((report) => { … })",
        },
      );
    }
    this.#start();
    const entry = { call: listener };
    this.#listeners.add(entry);
    const close = (): void => void this.#listeners.delete(entry);
    return { close, [Symbol.dispose]: close };
  }

  /** Listens no more. Harmless twice. */
  close(): void {
    this.#irqs.close();
  }

  #start(): void {
    if (this.#started || this.#irqs.info("err").count === 0) return;
    const vector = this.#irqs.enable("err").at(0);
    this.#started = true;
    this.#changes();
    vector.on((events) => this.#report(events));
    vector.ref(false);
  }

  #report(events: number): void {
    const report = {
      address: this.#device.address,
      events,
      recorded: recordedBy(this.#device.config),
      counted: this.#changes(),
    };
    for (const { call } of [...this.#listeners]) call(report);
  }

  /** The counters that have moved since the last call. */
  #changes(): AerCounter[] {
    const { address, counters = countersOf } = this.#device;
    const before = this.#counted;
    const now = counters(address);
    this.#counted = new Map(now.map((counter) => [keyOf(counter), counter.count]));
    return now.filter((counter) => counter.count > (before.get(keyOf(counter)) ?? 0));
  }
}

const keyOf = ({ address, severity, error }: AerCounter): string => `${address} ${severity} ${error}`;

/** Only functions of this machine are counted; what the backend calls its device may be something else. */
function countersOf(address: string): readonly AerCounter[] {
  try {
    return readAerCounters(address);
  } catch (error) {
    if (isPciError(error)) return [];
    throw error;
  }
}

/** A device that does not answer has all bits set, and records nothing. */
function recordedBy(config: ConfigSpace): RecordedError[] {
  try {
    const aer = config.vendorId === 0xffff ? undefined : config.findExtended("aer");
    if (aer === undefined) return [];
    return Object.entries(severities).flatMap(([name, severity]) => {
      const bits: Readonly<Record<string, unknown>> = aer[name as keyof typeof severities].read();
      return Object.keys(bits).flatMap((error) => (bits[error] === true ? [{ severity, error }] : []));
    });
  } catch (error) {
    // During a reset it cannot be read; the kernel's counters are there all the same.
    if (isPciError(error)) return [];
    throw error;
  }
}
