import {
  type DmaPort,
  type HostedFunction,
  type HostedMigration,
  hostFunction,
  type IrqSink,
  type ModelInstance,
} from "@userpci/device-model";
import { type DmaMemory, type IrqKind, type MemorySource, regionIndex } from "@userpci/interface";
import { type EduOptions, edu } from "../model/index.ts";

const PAGE = 4096;
const BUS_MASTER = 0x4;

/** An edu without a driver: each access as the bus brings it. */
export class HostedEdu implements Disposable {
  readonly function: HostedFunction;
  /** Memory that it may reach, by address: 4 KiB each. */
  readonly pages = new Map<bigint, Uint8Array>();
  /** Events of its vector. */
  events = 0;
  #instance: ModelInstance | undefined;

  constructor(options?: EduOptions) {
    const model = edu(options);
    const create: typeof model.create = (device) => {
      this.#instance = model.create(device);
      return this.#instance;
    };
    this.function = hostFunction({ ...model, create }, { memory: noMemory, dma: this.#port });
    this.function.open();
    this.#writeConfig16(4, 0x2 | BUS_MASTER);
  }

  get instance(): ModelInstance {
    return this.#instance!;
  }

  set busMaster(on: boolean) {
    this.#writeConfig16(4, on ? 0x2 | BUS_MASTER : 0x2);
  }

  enable(kind: IrqKind): void {
    const sink: IrqSink = { signal: () => this.events++ };
    this.function.setIrqs(kind, 0, [sink]);
  }

  config(): Uint8Array {
    const bytes = new Uint8Array(256);
    this.function.read(regionIndex.config, 0, bytes);
    return bytes;
  }

  /** @param width bytes */
  read(offset: number, width: 1 | 2 | 4 | 8 = 4): bigint {
    const bytes = new Uint8Array(8);
    this.function.read(0, offset, bytes.subarray(0, width));
    return new DataView(bytes.buffer).getBigUint64(0, true);
  }

  write(offset: number, value: number | bigint, width: 1 | 2 | 4 | 8 = 4): void {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true);
    this.function.write(0, offset, bytes.subarray(0, width));
  }

  /** Lets time pass, in microseconds. */
  pass(us: number): void {
    for (let i = 0; i < us; i++) this.function.step();
  }

  /** Its state, as a migration takes it; it goes on then. */
  save(): Uint8Array {
    return this.#migrate((migration) => migration.save());
  }

  load(state: Uint8Array): void {
    this.#migrate((migration) => migration.load(state));
  }

  addPage(address: bigint): Uint8Array {
    const bytes = new Uint8Array(PAGE);
    this.pages.set(address, bytes);
    return bytes;
  }

  [Symbol.dispose](): void {
    this.function[Symbol.dispose]();
  }

  #migrate<T>(act: (migration: HostedMigration) => T): T {
    const migration = this.function.migration!;
    migration.stop();
    try {
      return act(migration);
    } finally {
      migration.run();
    }
  }

  #writeConfig16(offset: number, value: number): void {
    this.function.write(regionIndex.config, offset, new Uint8Array([value & 0xff, value >> 8]));
  }

  readonly #port: DmaPort = {
    translate: (iova, size) => {
      const slices: Uint8Array[] = [];
      for (let at = 0; at < size; ) {
        const address = iova + BigInt(at);
        const inside = Number(address % BigInt(PAGE));
        const page = this.pages.get(address - BigInt(inside));
        if (page === undefined) return { slices, fault: { iova: address, reason: "unmapped" } };
        const part = page.subarray(inside, Math.min(PAGE, inside + size - at));
        slices.push(part);
        at += part.length;
      }
      return { slices };
    },
  };
}

/** edu has no memory of its own that drivers could map. */
const noMemory: MemorySource = {
  name: "none",
  pageSize: PAGE,
  alloc(): DmaMemory {
    throw new Error("edu asked for memory");
  },
};
