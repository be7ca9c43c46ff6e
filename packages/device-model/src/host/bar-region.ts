import { PciError, type RegionArea, type RegionInfo } from "@userpci/interface";
import type { MsixLayout } from "@userpci/pci-config";
import type { AccessHandler, BarModel, BarNumber } from "../model.ts";
import type { BarMemories, OwnedMemory } from "./bar-memories.ts";
import type { DeviceConfig } from "./device-config.ts";
import { type FaultHandler, guarded } from "./fault.ts";
import { type HostRegion, numberAt, putNumber, widthAt } from "./host-region.ts";

/** What a BAR's region works with. */
export interface BarRegionOptions {
  readonly number: BarNumber;
  readonly bar: BarModel;
  readonly config: DeviceConfig;
  readonly memories: BarMemories;
  readonly msix: MsixLayout | undefined;
  readonly pendingBits: Uint8Array;
  /** What accesses to the MSI-X table come to, see `HostOptions.msixTable`. */
  readonly msixTable: "refuse" | "hide";
  readonly onFault: FaultHandler;
}

/** A BAR by call: its memories, the structures of MSI-X, and for the rest the model's handler. */
export class BarRegion implements HostRegion {
  readonly info: RegionInfo;
  /** The model's; nothing answers zeros. */
  handler: AccessHandler | undefined;
  readonly #options: BarRegionOptions;
  readonly #memories: readonly OwnedMemory[];
  readonly #table: RegionArea | undefined;
  readonly #pending: RegionArea | undefined;

  constructor(options: BarRegionOptions) {
    const { number, bar, memories, msix } = options;
    this.#options = options;
    this.#memories = memories.of(number);
    this.#table = msix?.table.bar === number ? msix.table : undefined;
    this.#pending = msix?.pba.bar === number ? msix.pba : undefined;
    this.info = {
      index: number,
      size: bar.size,
      readable: true,
      writable: true,
      mappable: memories.mappable(number).map(({ offset, size }) => ({ offset, size })),
      msixMappable: false,
    };
  }

  read(offset: number, target: Uint8Array): void {
    if (!this.#answers()) {
      target.fill(0xff);
      return;
    }
    this.#guardTable(offset, target.length);
    for (let at = 0; at < target.length; ) {
      const place = offset + at;
      const special = this.#readSpecial(place, target, at);
      if (special > 0) {
        at += special;
        continue;
      }
      const width = widthAt(place, target.length - at, 8);
      guarded(this.#options.onFault, undefined, () => this.#readHandler(place, width, target, at));
      at += width;
    }
  }

  write(offset: number, source: Uint8Array): void {
    if (!this.#answers()) return;
    this.#guardTable(offset, source.length);
    for (let at = 0; at < source.length; ) {
      const place = offset + at;
      const special = this.#writeSpecial(place, source, at);
      if (special > 0) {
        at += special;
        continue;
      }
      const width = widthAt(place, source.length - at, 8);
      guarded(this.#options.onFault, undefined, () => this.#writeHandler(place, width, source, at));
      at += width;
    }
  }

  /**
   * As the kernel: memory that is not decoded is an error; ports that are not decoded are nobody's on the bus.
   *
   * @throws PciError `ERR_MEMORY_DISABLED`
   */
  #answers(): boolean {
    const { bar, config, number } = this.#options;
    if (bar.kind === "io") return config.decodesIo;
    requireMemoryDecode(config, `BAR ${number}`);
    return true;
  }

  /** @throws PciError `ERR_MSIX_TABLE` if accesses to the table are refused (row R6) */
  #guardTable(offset: number, length: number): void {
    if (this.#table === undefined || this.#options.msixTable === "hide") return;
    if (offset + length <= this.#table.offset || offset >= this.#table.offset + this.#table.size) return;
    throw new PciError(
      "ERR_MSIX_TABLE",
      `offset 0x${offset.toString(16)} of BAR ${this.#options.number} is in the MSI-X table, which the host programs`,
      { hint: 'set vectors up with device.irqs.enable("msix", …)' },
    );
  }

  /** Reads what no handler answers, up to its end. @returns bytes read; 0 if it is the handler's */
  #readSpecial(offset: number, target: Uint8Array, at: number): number {
    const left = target.length - at;
    const memory = this.#memories.find(({ area }) => isIn(area, offset));
    // The guard comes first: a memory may hold the pages of MSI-X, if it cannot be mapped.
    const table = lengthIn(this.#table, offset, left);
    if (table > 0) return target.fill(0xff, at, at + table) && table;
    const pending = lengthIn(this.#pending, offset, left);
    if (pending > 0) {
      const start = offset - this.#pending!.offset;
      target.set(this.#options.pendingBits.subarray(start, start + pending), at);
      return pending;
    }
    if (memory === undefined) return 0;
    const start = offset - memory.area.offset;
    const length = this.#untilMsix(offset, lengthIn(memory.area, offset, left));
    target.set(memory.bytes.subarray(start, start + length), at);
    return length;
  }

  /** As {@link BarRegion.#readSpecial}: what is written to the structures of MSI-X is dropped. */
  #writeSpecial(offset: number, source: Uint8Array, at: number): number {
    const left = source.length - at;
    const guarded = lengthIn(this.#table, offset, left) || lengthIn(this.#pending, offset, left);
    if (guarded > 0) return guarded;
    const memory = this.#memories.find(({ area }) => isIn(area, offset));
    if (memory === undefined) return 0;
    const length = this.#untilMsix(offset, lengthIn(memory.area, offset, left));
    memory.bytes.set(source.subarray(at, at + length), offset - memory.area.offset);
    return length;
  }

  #untilMsix(offset: number, length: number): number {
    let end = offset + length;
    for (const area of [this.#table, this.#pending]) {
      if (area !== undefined && area.offset > offset) end = Math.min(end, area.offset);
    }
    return end - offset;
  }

  #readHandler(offset: number, width: 1 | 2 | 4 | 8, target: Uint8Array, at: number): void {
    target.fill(0, at, at + width);
    const { handler } = this;
    if (handler === undefined) return;
    if (width !== 8) putNumber(target, at, width, handler.read(offset, width));
    else if (handler.read64 !== undefined) viewOf(target).setBigUint64(at, handler.read64(offset), true);
    else {
      putNumber(target, at, 4, handler.read(offset, 4));
      putNumber(target, at + 4, 4, handler.read(offset + 4, 4));
    }
  }

  #writeHandler(offset: number, width: 1 | 2 | 4 | 8, source: Uint8Array, at: number): void {
    const { handler } = this;
    if (handler === undefined) return;
    if (width !== 8) handler.write(offset, width, numberAt(source, at, width));
    else if (handler.write64 !== undefined) handler.write64(offset, viewOf(source).getBigUint64(at, true));
    else {
      handler.write(offset, 4, numberAt(source, at, 4));
      handler.write(offset + 4, 4, numberAt(source, at + 4, 4));
    }
  }
}

/** @throws PciError `ERR_MEMORY_DISABLED` */
export function requireMemoryDecode(config: DeviceConfig, what: string): void {
  if (config.decodesMemory) return;
  const isAsleep = config.powerState === 3;
  throw new PciError(
    "ERR_MEMORY_DISABLED",
    isAsleep ? `${what} does not answer in D3` : `memory decode is off, so ${what} does not answer`,
    {
      hint: isAsleep
        ? "bring the function back to D0 by the power state of its power management capability"
        : "set bit 1 of the command register, at byte 4 of config space",
    },
  );
}

const isIn = ({ offset, size }: RegionArea, at: number): boolean => at >= offset && at < offset + size;

/** How many of `left` bytes from `at` on are in an area that begins at or before it. */
function lengthIn(area: RegionArea | undefined, at: number, left: number): number {
  return area !== undefined && isIn(area, at) ? Math.min(left, area.offset + area.size - at) : 0;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
