import {
  type DeviceInfo,
  type DmaDirection,
  type FeatureName,
  type IovaRange,
  type IrqInfo,
  PciError,
  type RegionInfo,
} from "@userpci/interface";

/** Bytes of an access. */
export type TraceWidth = 1 | 2 | 4 | 8;

/** What was known of a device when it had been opened. */
export interface OpenedDevice {
  readonly info: DeviceInfo;
  /** Vendor and device, such as `1234:11e8`; recordings of old do not say it. */
  readonly id?: string;
  /** Class, subclass and programming interface, such as `010802`; recordings of old do not say it. */
  readonly class?: string;
  readonly regions: readonly RegionInfo[];
  readonly irqs: readonly IrqInfo[];
  readonly features: readonly FeatureName[];
  /** Addresses that its domain could map, as hexadecimal texts. */
  readonly ranges: readonly { readonly start: string; readonly last: string }[];
  readonly pageSize: number;
  readonly ownsDomain: boolean;
}

/** An error as it was thrown. */
export interface TracedError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** Anything that JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** A device was opened. Its number in all that follows is `device`. */
export interface OpenEvent {
  readonly kind: "open";
  readonly address: string;
  readonly backend: string;
  readonly opened: OpenedDevice;
}

/** A register was read, or written. */
export interface AccessEvent {
  readonly kind: "read" | "write";
  /** See `regionIndex` of `@userpci/interface`. */
  readonly region: number;
  /** Whether through a mapping. */
  readonly mapped: boolean;
  readonly width: TraceWidth;
  readonly offset: number;
  /** Unsigned. A bigint of 64 bits, else a number. */
  readonly value: number | bigint;
}

/** Any other call, with what came of it: one of the two, or neither yet if it is `pending` until its {@link ResultEvent}. */
export interface CallEvent {
  readonly kind: "call";
  readonly method: string;
  readonly args: readonly Json[];
  readonly result?: Json;
  readonly error?: TracedError;
  /** Number of a call that gave a promise. */
  readonly pending?: number;
}

/** A promise has settled. */
export interface ResultEvent {
  readonly kind: "result";
  readonly pending: number;
  readonly error?: TracedError;
}

/** A listener was called with so many interrupts. */
export interface InterruptEvent {
  readonly kind: "interrupt";
  /** Number of the target, as `createIrqTarget` gave it. */
  readonly target: number;
  readonly count: number;
}

/** Memory was mapped for the device. */
export interface MapEvent {
  readonly kind: "map";
  readonly iova: bigint;
  readonly size: number;
  readonly direction: DmaDirection;
}

/** It was unmapped. */
export interface UnmapEvent {
  readonly kind: "unmap";
  readonly iova: bigint;
  readonly size: number;
}

/**
 * Mapped memory has other bytes than before: the device, or the driver, wrote them. `memory` was seen when the call that is noted next
 * returned, or the interrupt came; `answer` when the write before returned, to which the device had answered already.
 */
export interface MemoryEvent {
  readonly kind: "memory" | "answer";
  readonly iova: bigint;
  readonly bytes: Uint8Array;
}

/** What can happen. */
export type TraceContent =
  | OpenEvent
  | AccessEvent
  | CallEvent
  | ResultEvent
  | InterruptEvent
  | MapEvent
  | UnmapEvent
  | MemoryEvent;

/** Something that happened. */
export type TraceEvent = TraceContent & {
  /** Microseconds since the recording began. */
  readonly time: number;
  /** Number of the device, in the order of opening. */
  readonly device: number;
};

/** {@link OpenedDevice.ranges} as ranges. @throws PciError `ERR_PROTOCOL` for what are none */
export function rangesOf({ ranges }: OpenedDevice): IovaRange[] {
  try {
    return ranges.map(({ start, last }) => ({ start: BigInt(start), last: BigInt(last) }));
  } catch (cause) {
    throw new PciError(
      "ERR_PROTOCOL",
      "the recording is damaged: a device has no sound ranges of addresses",
      {
        hint: "record again",
        cause,
      },
    );
  }
}
