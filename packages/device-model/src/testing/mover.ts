import type { DeviceModel, ModelDevice, ModelInstance, Task } from "../model.ts";

/** Registers of {@link mover} in BAR 0. */
export const register = { SOURCE: 0x00, TARGET: 0x08, START: 0x10, STATUS: 0x14, LINE: 0x18 } as const;
/** Where its doorbell is, in memory that drivers map, and what it rang last. */
export const doorbell = { RING: 0x1000, LAST: 0x1004 } as const;
/** Bits of its status. */
export const status = { BUSY: 1, FAILED: 2 } as const;
/** How long a move takes, in microseconds. */
export const MOVE_US = 20;

const BYTES = 16;
const { SOURCE, TARGET, START, STATUS, LINE } = register;

/** A device that moves 16 bytes by DMA, has a doorbell in mappable memory, and a line that a register asserts. */
export function mover(part: Partial<DeviceModel> = {}): DeviceModel {
  return {
    name: "mover",
    config: {
      vendorId: 0x1af4,
      deviceId: 0x10f0,
      interruptPin: 1,
      capabilities: [
        { name: "pcie", registers: { deviceCapabilities: { functionLevelReset: true } } },
        { name: "msi", registers: { control: { address64: true } } },
      ],
    },
    bars: {
      0: { kind: "memory32", size: 0x2000, memory: [{ offset: 0x1000, size: 0x1000, mappable: true }] },
      1: { kind: "memory32", size: 0x100 },
      2: { kind: "io", size: 0x20 },
    },
    create: (device) => new Mover(device),
    ...part,
  };
}

class Mover implements ModelInstance {
  readonly #device: ModelDevice;
  readonly #values = new Map<number, bigint>();
  readonly #doorbell: DataView;

  constructor(device: ModelDevice) {
    this.#device = device;
    this.#doorbell = new DataView(device.memory(0).buffer);
  }

  readonly #ports = {
    read: (offset: number) => offset,
    write: () => undefined,
  };

  readonly bars = {
    0: {
      read: (offset: number) => Number(this.#values.get(offset) ?? 0n),
      write: (offset: number, _width: number, value: number) => this.#write(offset, BigInt(value)),
      read64: (offset: number) => this.#values.get(offset) ?? 0n,
      write64: (offset: number, value: bigint) => this.#write(offset, value),
    },
    1: this.#ports,
    2: this.#ports,
  };

  reset(): void {
    this.#values.clear();
    this.#device.memory(0).fill(0);
  }

  poll(): boolean {
    const rung = this.#doorbell.getUint32(0, true);
    if (rung === 0) return false;
    this.#doorbell.setUint32(0, 0, true);
    this.#doorbell.setUint32(4, rung, true);
    this.#device.interrupts.signal(0);
    return true;
  }

  #write(offset: number, value: bigint): void {
    this.#values.set(offset, value);
    if (offset === LINE) this.#device.interrupts.setLine(value !== 0n);
    if (offset === START) this.#device.run(this.#move());
  }

  *#move(): Task {
    const { dma, time, interrupts } = this.#device;
    const bytes = new Uint8Array(BYTES);
    this.#values.set(STATUS, BigInt(status.BUSY));
    let result = 0;
    try {
      yield* time.sleep(MOVE_US);
      yield* dma.read(this.#values.get(SOURCE) ?? 0n, bytes);
      yield* dma.write(this.#values.get(TARGET) ?? 0n, bytes);
    } catch {
      result = status.FAILED;
    }
    this.#values.set(STATUS, BigInt(result));
    interrupts.signal(0);
  }
}
