import { isPciError } from "@userpci/interface";
import type { IrqDevice } from "@userpci/irq";
import type { ConfigSpace } from "@userpci/pci-config";
import type { AerCounter, AerSeverity } from "@userpci/sysfs";
import { aerName } from "./aer-names.ts";
import { EventWatch } from "./event-watch.ts";

/** One error, by the same words whoever tells of it. */
export interface RecordedError {
  readonly severity: AerSeverity;
  /** As `@userpci/pci-config` names the bit, such as `completionTimeout`; the kernel's name for one that it does not know. */
  readonly error: string;
}

/** An error that the kernel has counted. */
export interface CountedError extends RecordedError {
  /** The function that found it: the device, or a port above it. */
  readonly address: string;
  /** How often by now. */
  readonly count: number;
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
  readonly counted: readonly CountedError[];
}

/** Told of a {@link DeviceErrorReport}. */
export type ErrorListener = (report: DeviceErrorReport) => void;

/** What an {@link ErrorWatch} reads. */
export interface ErrorSource {
  readonly address: string;
  readonly config: ConfigSpace;
  /** What the kernel has counted of it and the ports above it. */
  readonly counters: () => readonly AerCounter[];
}

/** Listens to a device's error events, from the first listener on, and says what they were. */
export class ErrorWatch extends EventWatch<DeviceErrorReport> {
  readonly #device: ErrorSource;
  #counted = new Map<string, number>();

  /**
   * @param source tells of errors by its kind `err`, if it has one
   * @param isTaken see {@link EventWatch}
   */
  constructor(device: ErrorSource, source: IrqDevice, isTaken: () => boolean) {
    super("err", source, isTaken);
    this.#device = device;
  }

  /** What was counted before is no news. */
  protected override starting(): void {
    this.#changes();
  }

  protected override heard(events: number): void {
    this.listeners.emit({
      address: this.#device.address,
      events,
      recorded: recordedBy(this.#device.config),
      counted: this.#changes(),
    });
  }

  /** The counters that have moved since the last call. */
  #changes(): CountedError[] {
    const before = this.#counted;
    const now = this.#device.counters();
    this.#counted = new Map(now.map((counter) => [keyOf(counter), counter.count]));
    const moved = now.filter((counter) => counter.count > (before.get(keyOf(counter)) ?? 0));
    return moved.map((counter) => ({ ...counter, error: aerName(counter.severity, counter.error) }));
  }
}

const keyOf = ({ address, severity, error }: AerCounter): string => `${address} ${severity} ${error}`;

/** Revision and class code (PCI Express 6.0, section 7.5.1.1). VFIO itself answers the ids and the capabilities' headers. */
const CLASS_REGISTER = 0x08;

/** A device that does not answer has all bits set, and records nothing. */
function recordedBy(config: ConfigSpace): RecordedError[] {
  try {
    const answers = config.region.read32(CLASS_REGISTER) !== 0xffff_ffff;
    const aer = answers ? config.findExtended("aer") : undefined;
    if (aer === undefined) return [];
    const severity = aer.uncorrectableSeverity.read();
    return [
      ...bitsIn(aer.correctableStatus.read()).map((error) => ({ severity: "correctable" as const, error })),
      ...bitsIn(aer.uncorrectableStatus.read()).map((error) => ({
        severity: bitsIn(severity).includes(error) ? ("fatal" as const) : ("nonfatal" as const),
        error,
      })),
    ];
  } catch (error) {
    // During a reset it cannot be read; the kernel's counters are there all the same.
    if (isPciError(error)) return [];
    throw error;
  }
}

/** Names of the bits that are set. */
const bitsIn = (fields: object): string[] =>
  Object.entries(fields).flatMap(([name, value]) => (value === true ? [name] : []));
