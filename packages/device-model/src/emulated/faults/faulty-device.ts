import { PciError } from "@userpci/interface";
import type { ConfigSpace } from "@userpci/pci-config";
import type {
  BarNumber,
  DeviceModel,
  DmaRange,
  ModelDevice,
  ModelDma,
  ModelError,
  ModelInterrupts,
  ModelTime,
  Task,
} from "../../model.ts";
import type { FunctionFaults } from "./plan.ts";

/** A model whose DMA and time have the faults of a plan. */
export function faultyModel(model: DeviceModel, faults: FunctionFaults): DeviceModel {
  const create: DeviceModel["create"] = (device) => model.create(new FaultyDevice(device, faults));
  // Not a copy: a model may be of an author's own class.
  return new Proxy(model, {
    get: (target, key) => (key === "create" ? create : Reflect.get(target, key, target)),
  });
}

/** What the host gives a model, with faults in it. */
class FaultyDevice implements ModelDevice {
  readonly dma: ModelDma;
  readonly time: ModelTime;
  readonly #device: ModelDevice;

  constructor(device: ModelDevice, faults: FunctionFaults) {
    this.#device = device;
    this.time = new FaultyTime(device.time, faults);
    this.dma = new FaultyDma(device, faults);
  }

  get name(): string {
    return this.#device.name;
  }

  get config(): ConfigSpace {
    return this.#device.config;
  }

  get busMaster(): boolean {
    return this.#device.busMaster;
  }

  get interrupts(): ModelInterrupts {
    return this.#device.interrupts;
  }

  memory(bar: BarNumber, index?: number): Uint8Array<ArrayBuffer> {
    return this.#device.memory(bar, index);
  }

  run(task: Task): void {
    this.#device.run(task);
  }

  reportError(error: ModelError): void {
    this.#device.reportError(error);
  }
}

/** Microseconds that work takes longer now. */
function delayOf(faults: FunctionFaults): number {
  let us = 0;
  for (const due of faults.next("work")) {
    faults.happened(due);
    us += due.us;
  }
  return us;
}

class FaultyTime implements ModelTime {
  readonly #time: ModelTime;
  readonly #faults: FunctionFaults;

  constructor(time: ModelTime, faults: FunctionFaults) {
    this.#time = time;
    this.#faults = faults;
  }

  now(): number {
    return this.#time.now();
  }

  *sleep(us: number): Task {
    yield* this.#time.sleep(us + delayOf(this.#faults));
  }
}

class FaultyDma implements ModelDma {
  readonly #device: ModelDevice;
  readonly #faults: FunctionFaults;
  /** A view that was refused, until the model asks by {@link read} or {@link write} why. */
  #refused: { readonly iova: bigint; readonly size: number } | undefined;

  constructor(device: ModelDevice, faults: FunctionFaults) {
    this.#device = device;
    this.#faults = faults;
  }

  view(iova: bigint, size: number, access: "read" | "write"): Uint8Array<ArrayBuffer> | undefined {
    this.#refused = undefined;
    const view = this.#device.dma.view(iova, size, access);
    // What has no view is an occasion when it is read or written.
    if (view === undefined || !this.#strikes()) return view;
    this.#refused = { iova, size };
    return undefined;
  }

  *read(iova: bigint, target: Uint8Array): Task {
    yield* this.#begin(iova, target.length);
    yield* this.#device.dma.read(iova, target);
  }

  *write(iova: bigint, source: Uint8Array): Task {
    yield* this.#begin(iova, source.length);
    yield* this.#device.dma.write(iova, source);
  }

  *transfer(list: readonly DmaRange[], bytes: Uint8Array, access: "read" | "write"): Task {
    yield* this.#begin(list[0]?.iova ?? 0n, bytes.length);
    yield* this.#device.dma.transfer(list, bytes, access);
  }

  *#begin(iova: bigint, size: number): Task {
    const us = delayOf(this.#faults);
    if (us > 0) yield* this.#device.time.sleep(us);
    const refused = this.#refused;
    this.#refused = undefined;
    const wasRefused = refused !== undefined && refused.iova === iova && refused.size === size;
    if (!wasRefused && !this.#strikes()) return;
    throw new PciError(
      "ERR_DMA_FAULT",
      `${this.#device.name} did not reach ${size} bytes at 0x${iova.toString(16)}: a fault of the plan`,
      {
        hint: "a driver meets this as the device's own report of a failed transfer",
        details: { iova, size },
      },
    );
  }

  #strikes(): boolean {
    const due = this.#faults.next("dma");
    for (const each of due) this.#faults.happened(each);
    return due.length > 0;
  }
}
