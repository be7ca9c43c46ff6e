import { HeapSource } from "@userpci/device-model";
import {
  type Backend,
  type BackendDevice,
  checkOpenOptions,
  type DomainRequest,
  Failures,
  formatValue,
  type IommuDomain,
  type MemorySource,
  type OpenOptions,
  PciError,
} from "@userpci/interface";
import { createDomain } from "@userpci/iommu";
import { readRecordingSync } from "./recording.ts";
import { ReplayCursor } from "./replay-cursor.ts";
import { ReplayDevice } from "./replay-device.ts";
import type { OpenEvent, TraceEvent } from "./trace-event.ts";

/** A backend that repeats a recording. */
export interface Replay extends Backend {
  /** How many events are over. */
  readonly position: number;
  /** How many the recording has. */
  readonly length: number;
  /** To be called at the end of a test. @throws PciError `ERR_REPLAY` if something of the recording did not happen */
  assertEnded(): void;
}

/**
 * A backend that answers a driver as the recorded device did, without one: a deterministic test. The driver must make
 * the same calls in the same order with the same values; the first that differs throws `ERR_REPLAY` with what the recording
 * has instead. Interrupts come after the same call as then. What changed in memory does so with the call, or before the interrupt or
 * the result, with which it was seen then, or earlier when the driver waits on its event loop. Time is not repeated: what was
 * waited for comes at once, and a driver that reads the clock may act otherwise.
 *
 * @param recording its bytes, or the events of `readRecording`
 * @throws PciError `ERR_PROTOCOL`, `ERR_NOT_SUPPORTED`, see `readRecording`; `ERR_INVALID_ARGUMENT`
 */
export function replay(recording: Uint8Array | readonly TraceEvent[]): Replay {
  if (recording instanceof Uint8Array) return new ReplayBackend(readRecordingSync(recording));
  if (Array.isArray(recording)) return new ReplayBackend(recording);
  throw new PciError("ERR_INVALID_ARGUMENT", `the recording cannot be ${formatValue(recording)}`, {
    hint: 'pass its bytes, such as readFileSync("run.trace"), or the events that readRecording gives',
  });
}

class ReplayBackend implements Replay {
  readonly name = "replay";
  readonly memory: MemorySource = new HeapSource();
  readonly #cursor: ReplayCursor;
  readonly #devices = new Set<ReplayDevice>();
  #closed = false;

  constructor(events: readonly TraceEvent[]) {
    this.#cursor = new ReplayCursor(events);
  }

  get position(): number {
    return this.#cursor.position;
  }

  get length(): number {
    return this.#cursor.length;
  }

  assertEnded(): void {
    this.#cursor.assertEnded();
  }

  createDomain(_request?: DomainRequest): IommuDomain {
    return createDomain();
  }

  async open(address: string, options?: OpenOptions): Promise<BackendDevice> {
    return this.openSync(address, options);
  }

  openSync(address: string, options: OpenOptions = {}): BackendDevice {
    checkOpenOptions("the open of a replay", options);
    const { domain } = options;
    if (this.#closed) throw new PciError("ERR_CLOSED", "this replay is closed", { hint: "make a new one" });
    const cursor = this.#cursor;
    const refusal = cursor.refusal(cursor.devices, "open", [address]);
    if (refusal !== undefined) throw refusal;
    const opening = cursor.take(
      `open ${address}`,
      (event): event is TraceEvent & OpenEvent =>
        event.kind === "open" && whole(event.address) === whole(address),
    );
    const parts = { cursor, opening, domain: domain ?? createDomain(), memory: this.memory };
    const device = new ReplayDevice({ ...parts, ownsDomain: domain === undefined });
    this.#devices.add(device);
    return device;
  }

  async close(): Promise<void> {
    this.closeSync();
  }

  closeSync(): void {
    this.#closed = true;
    const failures = new Failures();
    for (const device of this.#devices) failures.try(() => device.abandon());
    failures.throwIfAny("the replay is closed, but");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }
}

/** An address with its domain, as the kernel has it. */
function whole(address: string): string {
  return /^[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i.test(address) ? `0000:${address.toLowerCase()}` : address;
}
