import type { AccessHandler, DeviceModel, ModelDevice } from "@userpci/device-model";

const REGISTERS = 4096;
const SPARSE = 16_384;

/** An access that no model may see. */
export type Violation = string;

/** Register of {@link probe}'s BAR 0: what is written is an address, from which the device reads 64 bytes and writes them back. */
export const DOORBELL = 0x40;

/**
 * A model that remembers each access outside of its BARs, not aligned or of a width that there is not: none may come. It has
 * what a client can abuse: registers, memory to map, I/O ports, MSI-X, DMA that goes on by itself, a state to migrate.
 */
export function probe(violations: Violation[]): DeviceModel {
  return {
    name: "probe",
    config: {
      vendorId: 0x1234,
      deviceId: 0x0bad,
      interruptPin: 1,
      capabilities: [
        { name: "pm" },
        {
          name: "msix",
          registers: { control: { tableSize: 7 }, table: { bar: 2 }, pba: { bar: 2, offset: 0x800 } },
        },
        { name: "pcie", registers: { deviceCapabilities: { functionLevelReset: true } } },
      ],
    },
    bars: {
      0: { kind: "memory32", size: REGISTERS },
      1: { kind: "memory32", size: SPARSE, memory: [{ offset: 4096, size: 8192, mappable: true }] },
      2: { kind: "memory32", size: 4096 },
      4: { kind: "io", size: 64 },
    },
    create(device) {
      const bar = (name: string, size: number): AccessHandler => new Checked(name, size, violations, device);
      return {
        bars: { 0: bar("bar0", REGISTERS), 1: bar("bar1", SPARSE), 4: bar("bar4", 64) },
        reset() {},
        save: () => Uint8Array.of(7),
        load(state) {
          if (state.length !== 1) violations.push(`a state of ${state.length} bytes was loaded`);
        },
      };
    },
  };
}

class Checked implements AccessHandler {
  readonly #name: string;
  readonly #size: number;
  readonly #violations: Violation[];
  readonly #device: ModelDevice;

  constructor(name: string, size: number, violations: Violation[], device: ModelDevice) {
    this.#name = name;
    this.#size = size;
    this.#violations = violations;
    this.#device = device;
  }

  read(offset: number, width: number): number {
    this.#check("read", offset, width, 0);
    return offset;
  }

  write(offset: number, width: number, value: number): void {
    this.#check("write", offset, width, value);
    if (offset === DOORBELL && width === 4) this.#device.run(this.#copy(BigInt(value)));
  }

  *#copy(address: bigint) {
    const bytes = new Uint8Array(64);
    try {
      yield* this.#device.dma.read(address, bytes);
      yield* this.#device.dma.write(address, bytes);
      this.#device.interrupts.signal(Number(address % 8n));
    } catch {
      // An address that is not mapped, as most are that an attacker writes.
    }
  }

  #check(what: string, offset: number, width: number, value: number): void {
    const isAccess =
      [1, 2, 4].includes(width) &&
      Number.isInteger(offset) &&
      offset >= 0 &&
      offset % width === 0 &&
      offset + width <= this.#size &&
      Number.isInteger(value) &&
      value >= 0 &&
      value < 2 ** (8 * width);
    if (!isAccess)
      this.#violations.push(`${what} of ${width} bytes at ${offset} of ${this.#name}, value ${value}`);
  }
}
