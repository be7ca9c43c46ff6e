import type { AccessWidth, BarModel, DeviceModel, ModelConfig, ModelDevice, Task } from "../model.ts";

/** Registers of {@link worker}'s BAR 0. */
export const work = {
  /** Microseconds; a write makes it work so long, and then interrupt. */
  start: 0x00,
  /** 1 while it has something to acknowledge; a write acknowledges. */
  done: 0x04,
  from: 0x08,
  to: 0x10,
  /** Bytes; a write has them copied from `from` to `to`, and then interrupts. */
  copy: 0x18,
  /** Sends the message of a vector. */
  signal: 0x1c,
  /** A write makes the handler throw. */
  fail: 0x20,
  /** Reports an error: 0 correctable, 1 nonfatal, 2 fatal. */
  error: 0x24,
  /** A write makes a task throw. */
  failLater: 0x28,
  msixTable: 0x1000,
  msixPending: 0x1800,
  memory: 0x2000,
  size: 0x4000,
} as const;

/** What {@link worker} is, but for its behaviour. */
export const workerConfig: ModelConfig = {
  vendorId: 0x1234,
  deviceId: 0xabcd,
  classCode: 0xff0000,
  interruptPin: 1,
  capabilities: [
    {
      name: "pcie",
      registers: { capabilities: { version: 2 }, deviceCapabilities: { functionLevelReset: true } },
    },
    { name: "pm", registers: { capabilities: { version: 3 } } },
    {
      name: "msi",
      registers: { control: { address64: true, perVectorMasking: true, multipleCapable: 2 } },
    },
    {
      name: "msix",
      registers: {
        control: { tableSize: 3 },
        table: { bar: 0, offset: work.msixTable },
        pba: { bar: 0, offset: work.msixPending },
      },
    },
    { name: "vpd" },
  ],
  extendedCapabilities: [{ name: "aer" }],
};

const workerBar: BarModel = {
  kind: "memory64",
  size: work.size,
  memory: [{ offset: work.memory, size: 0x1000, mappable: true }],
};

class Worker {
  readonly #device: ModelDevice;
  readonly #values = new Map<number, number>();

  constructor(device: ModelDevice) {
    this.#device = device;
  }

  reset(): void {
    this.#values.clear();
  }

  read(offset: number): number {
    return this.#values.get(offset) ?? 0;
  }

  write(offset: number, _width: AccessWidth, value: number): void {
    const device = this.#device;
    this.#values.set(offset, value);
    if (offset === work.start) device.run(this.#wait(value));
    else if (offset === work.done) {
      this.#values.set(work.done, 0);
      device.interrupts.setLine(false);
    } else if (offset === work.copy) device.run(this.#copy(value));
    else if (offset === work.signal) device.interrupts.signal(value);
    else if (offset === work.fail) throw new RangeError("the handler is wrong");
    else if (offset === work.failLater) device.run(this.#fail());
    else if (offset === work.error) {
      const severity = (["correctable", "nonfatal", "fatal"] as const)[value]!;
      device.reportError({ severity, bit: value === 0 ? "badTlp" : "poisonedTlp" });
    }
  }

  save(): Uint8Array {
    return new Uint8Array(Uint32Array.from([...this.#values].flat()).buffer);
  }

  load(state: Uint8Array): void {
    if (state.length % 8 !== 0) throw new TypeError("pairs are wanted");
    const numbers = new Uint32Array(state.slice().buffer);
    for (let at = 0; at < numbers.length; at += 2) this.#values.set(numbers[at]!, numbers[at + 1]!);
    const wanted = this.read(work.start);
    if (wanted > 0 && this.read(work.done) === 0) this.#device.run(this.#wait(wanted));
  }

  #finish(): void {
    this.#values.set(work.done, 1);
    this.#device.interrupts.setLine(true);
    this.#device.interrupts.signal(0);
  }

  *#wait(us: number): Task {
    yield* this.#device.time.sleep(us);
    this.#finish();
  }

  *#copy(size: number): Task {
    const bytes = new Uint8Array(size);
    const at = (offset: number): bigint => BigInt(this.read(offset)) | (BigInt(this.read(offset + 4)) << 32n);
    yield* this.#device.dma.read(at(work.from), bytes);
    yield* this.#device.dma.write(at(work.to), bytes);
    this.#finish();
  }

  *#fail(): Task {
    yield* this.#device.time.sleep(1);
    throw new RangeError("the task is wrong");
  }
}

/** A device that has everything: it waits, copies and interrupts. */
export function worker(more: Partial<DeviceModel> = {}): DeviceModel {
  return {
    name: "worker",
    config: workerConfig,
    bars: { 0: workerBar, 2: { kind: "io", size: 16 } },
    rom: Uint8Array.from({ length: 3000 }, (_, at) => at),
    vpd: Uint8Array.of(0x82, 1, 0, 0x41, 0x78),
    create(device) {
      const state = new Worker(device);
      return {
        bars: { 0: state, 2: { read: (offset) => 0xa0 + offset, write: () => undefined } },
        reset: () => state.reset(),
        save: () => state.save(),
        load: (bytes) => state.load(bytes),
      };
    },
    ...more,
  };
}

/** An access as {@link recorder}'s handler got it; writes with their value. */
export type Access = readonly [offset: number, width: number, value?: number | bigint];

/** A device without any capability, nor a reset, that notes its accesses; a byte reads as the low bits of its offset. */
export function recorder(accesses: Access[], has64 = true): DeviceModel {
  const valueAt = (offset: number, width: number): number => {
    let value = 0;
    for (let byte = 0; byte < width; byte++) value += ((offset + byte) & 0xff) * 2 ** (8 * byte);
    return value;
  };
  const wide = {
    read64(offset: number) {
      accesses.push([offset, 8]);
      return BigInt(valueAt(offset, 4)) | (BigInt(valueAt(offset + 4, 4)) << 32n);
    },
    write64: (offset: number, value: bigint) => void accesses.push([offset, 8, value]),
  };
  return {
    name: "recorder",
    config: { vendorId: 0x1234, deviceId: 0x0001 },
    bars: { 1: { kind: "memory32", size: 0x1000 } },
    create: () => ({
      bars: {
        1: {
          read(offset, width) {
            accesses.push([offset, width]);
            return valueAt(offset, width);
          },
          write: (offset, width, value) => void accesses.push([offset, width, value]),
          ...(has64 ? wide : {}),
        },
      },
      reset: () => undefined,
    }),
  };
}
