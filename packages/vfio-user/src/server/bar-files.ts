import type { BarModel, BarNumber, DeviceModel } from "@userpci/device-model";
import type { DmaMemory, RegionArea } from "@userpci/interface";
import type { MemfdSource, RenewableMemory } from "@userpci/vfio-native/socket";

/** A BAR's file, as long as something of it is used. */
interface BarFile {
  readonly memory: RenewableMemory;
  users: number;
}

/**
 * The mappable memories of a model's BARs, one file a BAR, in which an area is where it is in the BAR: the protocol has
 * one descriptor a region. What is between the areas takes no memory.
 */
export class BarFiles {
  readonly #model: DeviceModel;
  readonly #source: MemfdSource;
  readonly #files = new Map<BarNumber, BarFile>();
  /** Whether a client may have mapped them. */
  #isGiven = false;

  constructor(model: DeviceModel, source: MemfdSource) {
    this.#model = model;
    this.#source = source;
  }

  /** A client was given descriptors of them. */
  given(): void {
    this.#isGiven = true;
  }

  /** Makes sure that no former client has mapped them: it keeps the files that it knows, the bytes go to new ones. @throws PciError with the system's code */
  renew(): void {
    if (!this.#isGiven) return;
    for (const { memory } of this.#files.values()) memory.renew();
    this.#isGiven = false;
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
      get file() {
        return { fd: memory.file.fd, offset: memory.file.offset + offset };
      },
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
