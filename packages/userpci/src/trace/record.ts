import type {
  Backend,
  BackendDevice,
  DomainRequest,
  IommuDomain,
  MemorySource,
  OpenOptions,
} from "@userpci/interface";
import { checkMethods, Failures } from "@userpci/interface";
import { RecordedDevice } from "./recorded-device.ts";
import { Recorder, type TraceSink, tracedError } from "./recorder.ts";

/** How {@link record} records. */
export interface RecordOptions {
  /**
   * Whether bytes of DMA memory that change are recorded: found by comparing all of it with each register access, interrupt and
   * `relax()`, twice with a write, which costs about a microsecond for each 8 KiB. Without them a replay gives drivers that look into memory
   * nothing to see. Default true.
   */
  readonly memory?: boolean;
}

/**
 * A backend that works as another and writes down what happens on it: every access, call, DMA mapping and interrupt, with
 * its time in microseconds. `readRecording` reads that back, also while it is written. What threads do that adopted an interrupt
 * or memory is not seen. Closing it closes the other.
 *
 * @param sink such as `fs.createWriteStream("run.trace")`, which is the caller's to end
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function record(backend: Backend, sink: TraceSink, options: RecordOptions = {}): Backend {
  checkMethods("backend", backend, ["open", "openSync"]);
  checkMethods("sink", sink, ["write"]);
  return new RecordedBackend(backend, new Recorder(sink), options.memory ?? true);
}

/** {@link record} with a recorder that has other backends too. */
export function recordWith(backend: Backend, recorder: Recorder): Backend {
  return new RecordedBackend(backend, recorder, true);
}

class RecordedBackend implements Backend {
  readonly #inner: Backend;
  readonly #recorder: Recorder;
  readonly #compareMemory: boolean;
  readonly #devices = new Set<RecordedDevice>();

  constructor(inner: Backend, recorder: Recorder, compareMemory: boolean) {
    this.#inner = inner;
    this.#recorder = recorder;
    this.#compareMemory = compareMemory;
  }

  get name(): string {
    return this.#inner.name;
  }

  get memory(): MemorySource {
    return this.#inner.memory;
  }

  createDomain(request?: DomainRequest): IommuDomain {
    return this.#inner.createDomain(request);
  }

  async open(address: string, options?: OpenOptions): Promise<BackendDevice> {
    const inner = await this.#inner
      .open(address, options)
      .catch((error: unknown) => this.#refused(address, error));
    try {
      return this.#recorded(inner);
    } catch (error) {
      await inner.close();
      throw error;
    }
  }

  openSync(address: string, options?: OpenOptions): BackendDevice {
    const inner = this.#openSync(address, options);
    try {
      return this.#recorded(inner);
    } catch (error) {
      inner.closeSync();
      throw error;
    }
  }

  async close(): Promise<void> {
    const failures = new Failures();
    // First, since their recordings are in domains that the other backend closes.
    for (const device of this.#devices) await failures.tryAsync(() => device.close());
    await failures.tryAsync(() => this.#inner.close());
    this.#recorder.flush();
    failures.throwIfAny(`the recorded ${this.name} backend:`);
  }

  closeSync(): void {
    const failures = new Failures();
    for (const device of this.#devices) failures.try(() => device.closeSync());
    failures.try(() => this.#inner.closeSync());
    this.#recorder.flush();
    failures.throwIfAny(`the recorded ${this.name} backend:`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  #openSync(address: string, options: OpenOptions | undefined): BackendDevice {
    try {
      return this.#inner.openSync(address, options);
    } catch (error) {
      return this.#refused(address, error);
    }
  }

  /** A refusal belongs to the number that the next device gets. */
  #refused(address: string, error: unknown): never {
    const { devices } = this.#recorder;
    this.#recorder.note(devices, {
      kind: "call",
      method: "open",
      args: [address],
      error: tracedError(error),
    });
    throw error;
  }

  #recorded(inner: BackendDevice): BackendDevice {
    for (const device of this.#devices) if (device.closed) this.#devices.delete(device);
    const device = new RecordedDevice(inner, this.#recorder, this.#compareMemory);
    this.#devices.add(device);
    return device;
  }
}
