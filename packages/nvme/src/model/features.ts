import { nvmeFeature, nvmeStatus } from "../commands.ts";
import { criticalWarning, temperature } from "./identity.ts";
import type { NvmeSettings } from "./options.ts";

/** What there is to say of a feature. */
interface FeatureRow {
  /** Value after a reset. @param key bits of CDW11 that choose among several values of the feature */
  default(key: number, settings: NvmeSettings): number;
  /** Bits of CDW11 that choose a value: a sensor, a vector. Default: none. */
  readonly key?: number;
  /** Bits of CDW11 that are the value. */
  readonly mask: number;
  /** Whether a key is one that there is. Default: all are. */
  hasKey?(key: number, settings: NvmeSettings): boolean;
  /** The key that a key of Set Features stands for. Default: itself. */
  meant?(key: number): number;
  /** Whether it can have a value. Default: any. */
  accepts?(value: number): boolean;
}

const temperatureKey = { SENSOR: 0xf_0000, UNDER: 1 << 20, MASK: 0x3f_0000 } as const;

const features: Readonly<Record<number, FeatureRow>> = {
  [nvmeFeature.ARBITRATION]: { default: () => 0x7, mask: 0xffff_ffff },
  [nvmeFeature.POWER_MANAGEMENT]: {
    default: () => 0,
    mask: 0xff,
    accepts: (value) => (value & 0x1f) === 0,
  },
  [nvmeFeature.TEMPERATURE_THRESHOLD]: {
    default: (key) => ((key & temperatureKey.UNDER) !== 0 ? 0 : temperature.WARNING),
    key: temperatureKey.MASK,
    mask: 0xffff,
    // The composite temperature only, over and under.
    hasKey: (key) => key === 0 || key === temperatureKey.UNDER,
    // All sensors are the composite temperature.
    meant: (key) =>
      (key & temperatureKey.SENSOR) === temperatureKey.SENSOR ? key & ~temperatureKey.SENSOR : key,
  },
  [nvmeFeature.ERROR_RECOVERY]: { default: () => 0, mask: 0xffff },
  [nvmeFeature.VOLATILE_WRITE_CACHE]: { default: () => 1, mask: 1 },
  [nvmeFeature.NUMBER_OF_QUEUES]: {
    default: (_, { queues }) => (queues - 1) | ((queues - 1) << 16),
    mask: 0,
    accepts: () => true,
  },
  [nvmeFeature.INTERRUPT_COALESCING]: { default: () => 0, mask: 0xffff },
  [nvmeFeature.INTERRUPT_VECTOR]: {
    default: () => 0,
    key: 0xffff,
    mask: 0x1_0000,
    hasKey: (vector, { queues }) => vector <= queues,
  },
  [nvmeFeature.WRITE_ATOMICITY]: { default: () => 0, mask: 1 },
  [nvmeFeature.ASYNC_EVENTS]: { default: () => 0, mask: 0xffff_ffff },
};

/** What Get and Set Features answer. */
export interface FeatureReply {
  readonly status: number;
  /** DW0. */
  readonly result?: number;
}

const refused = (status: number): FeatureReply => ({ status });

/** Select of Get Features. */
const select = { CURRENT: 0, DEFAULT: 1, SAVED: 2, CAPABILITIES: 3 } as const;

/** The features of a controller (NVM Express Base 2.0, section 5.27; 1.4, 5.21). None outlives a reset. */
export class Features {
  readonly #settings: NvmeSettings;
  /** By number | key << 8; the key is of 22 bits. */
  readonly #values = new Map<number, number>();

  constructor(settings: NvmeSettings) {
    this.#settings = settings;
  }

  /** Goes back to the defaults. */
  reset(): void {
    this.#values.clear();
  }

  /** Get Features. @param cdw10 of the command, as cdw11 */
  get(cdw10: number, cdw11: number): FeatureReply {
    const number = cdw10 & 0xff;
    const row = features[number];
    const choice = (cdw10 >>> 8) & 7;
    if (row === undefined || choice > select.CAPABILITIES) return refused(nvmeStatus.INVALID_FIELD);
    // Changeable, of the whole controller, and not kept.
    if (choice === select.CAPABILITIES) return { status: nvmeStatus.SUCCESS, result: 0b100 };
    const key = cdw11 & (row.key ?? 0);
    if (row.hasKey?.(key, this.#settings) === false) return refused(nvmeStatus.INVALID_FIELD);
    const value = choice === select.CURRENT ? this.#values.get(at(number, key)) : undefined;
    const shown = value ?? row.default(key, this.#settings);
    const result = number === nvmeFeature.INTERRUPT_VECTOR ? (shown | key) >>> 0 : shown >>> 0;
    return { status: nvmeStatus.SUCCESS, result };
  }

  /** Set Features. @param cdw10 of the command, as cdw11 */
  set(cdw10: number, cdw11: number): FeatureReply {
    const number = cdw10 & 0xff;
    const row = features[number];
    if (row === undefined) return refused(nvmeStatus.INVALID_FIELD);
    if (cdw10 >>> 31 !== 0) return refused(nvmeStatus.FEATURE_NOT_SAVEABLE);
    if (number === nvmeFeature.NUMBER_OF_QUEUES) return this.#grantQueues(cdw11);
    const named = cdw11 & (row.key ?? 0);
    const key = row.meant?.(named) ?? named;
    const value = (cdw11 & row.mask) >>> 0;
    const known = row.hasKey?.(key, this.#settings) ?? true;
    if (!known || row.accepts?.(cdw11) === false) return refused(nvmeStatus.INVALID_FIELD);
    this.#values.set(at(number, key), value);
    return { status: nvmeStatus.SUCCESS, result: 0 };
  }

  /** Whether the temperature is past a threshold that the host has set. */
  get tooHotOrCold(): boolean {
    const over = this.get(nvmeFeature.TEMPERATURE_THRESHOLD, 0).result!;
    const under = this.get(nvmeFeature.TEMPERATURE_THRESHOLD, temperatureKey.UNDER).result!;
    return temperature.NOW >= over || temperature.NOW <= under;
  }

  /** Whether the host wants to hear of the temperature as it is. */
  get warnsOfTemperature(): boolean {
    const asked = this.get(nvmeFeature.ASYNC_EVENTS, 0).result!;
    return (asked & criticalWarning.TEMPERATURE) !== 0 && this.tooHotOrCold;
  }

  /** What was set, for a state: number | key << 8, and value. */
  entries(): [at: number, value: number][] {
    return [...this.#values];
  }

  /** Takes an entry of {@link entries}. @returns whether it can be one */
  restore(where: number, value: number): boolean {
    const row = features[where & 0xff];
    const key = where >>> 8;
    if (row === undefined || (key & ~(row.key ?? 0)) !== 0) return false;
    if (row.hasKey?.(key, this.#settings) === false || (value & ~row.mask) !== 0) return false;
    this.#values.set(where, value);
    return true;
  }

  /** As many as there are, whatever the host asks for. */
  #grantQueues(asked: number): FeatureReply {
    if ((asked & 0xffff) === 0xffff || asked >>> 16 === 0xffff) return refused(nvmeStatus.INVALID_FIELD);
    return this.get(nvmeFeature.NUMBER_OF_QUEUES, 0);
  }
}

const at = (number: number, key: number): number => number + key * 256;
