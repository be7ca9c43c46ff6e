import type { BarModel, BarNumber, DeviceModel } from "@userpci/device-model";
import type { DmaMemory, MemorySource, RegionArea } from "@userpci/interface";

/** A BAR's file, as long as something of it is used. */
interface BarFile {
  readonly memory: DmaMemory;
  users: number;
}

/**
 * The mappable memories of a model's BARs, one file a BAR, in which an area is where it is in the BAR: the protocol has
 * one descriptor a region. What is between the areas takes no memory.
 */
export class BarFiles {
  readonly #model: DeviceModel;
  readonly #source: MemorySource;
  readonly #files = new Map<BarNumber, BarFile>();

  constructor(model: DeviceModel, source: MemorySource) {
    this.#model = model;
    this.#source = source;
  }

  /** Makes the memory of an area. @throws PciError what the source throws */
  allocate(bar: BarNumber, { offset, size }: RegionArea): DmaMemory {
    const file = this.#files.get(bar) ?? this.#open(bar);
    file.users++;
    const { memory } = file;
    let closed = false;
    const close = (): void => {
      if (closed) return;
      closed = true;
      if (--file.users > 0) return;
      this.#files.delete(bar);
      memory.close();
    };
    return {
      size,
      pageSize: memory.pageSize,
      buffer: memory.buffer,
      byteOffset: offset,
      ...(memory.file !== undefined && { file: { fd: memory.file.fd, offset: memory.file.offset + offset } }),
      get closed() {
        return closed;
      },
      close,
      [Symbol.dispose]: close,
    };
  }

  #open(bar: BarNumber): BarFile {
    const label = `${this.#model.name} BAR ${bar}`;
    const memory = this.#source.alloc(mappableEnd(this.#model.bars?.[bar]), { label });
    const file = { memory, users: 0 };
    this.#files.set(bar, file);
    return file;
  }
}

/** Where the last area ends that drivers may map. */
function mappableEnd(bar: BarModel | undefined): number {
  const areas = bar?.memory?.filter(({ mappable }) => mappable) ?? [];
  return Math.max(...areas.map(({ offset, size }) => offset + size));
}
