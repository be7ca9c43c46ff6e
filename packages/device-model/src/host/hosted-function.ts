import type {
  DeviceInfo,
  DmaDirection,
  DmaMemory,
  IrqInfo,
  IrqKind,
  MemorySource,
  RegionArea,
  RegionInfo,
} from "@userpci/interface";
import type { Translation } from "@userpci/iommu";
import type { BarNumber } from "../model.ts";

/** Where a vector's events go: an interrupt target of `@userpci/interface` is one. */
export interface IrqSink {
  /** Whether it was given up: what is sent to it then is dropped. Default false. */
  readonly closed?: boolean;
  /** Takes events: one unless `count` says more. */
  signal(count?: number): void;
}

/** How a hosted device reaches memory. */
export interface DmaPort {
  /** The bytes that this process has mapped for it; a `MemoryMapper` of `@userpci/iommu` tells. */
  translate(iova: bigint, size: number, direction: DmaDirection): Translation;
  /** Reads what is mapped for the device but not in this process, by asking its owner. Absent: there is no such thing. @throws (rejects with) PciError `ERR_DMA_FAULT` */
  read?(iova: bigint, size: number): Promise<Uint8Array>;
  /** Writes that, as {@link read}. */
  write?(iova: bigint, bytes: Uint8Array): Promise<void>;
}

/** How a model is hosted. */
export interface HostOptions {
  /** Where the memory of BARs comes from. */
  readonly memory: MemorySource;
  /**
   * Makes a mappable memory of a BAR where its place in a file matters: vfio-user has one file a region. The function closes
   * it. Default: `memory.alloc(area.size)`.
   */
  readonly barMemory?: (bar: BarNumber, area: RegionArea) => DmaMemory;
  readonly dma: DmaPort;
  /**
   * `virtual`: a microsecond passes with every access and step, and all that is pending runs when nobody calls; the
   * default. `real`: the wall's clock.
   */
  readonly time?: "virtual" | "real";
  /**
   * What accesses to the MSI-X table come to (row R6): `refuse`, the default, throws `ERR_MSIX_TABLE`, as regions do; `hide`
   * reads ones and drops writes, as the kernel's `pread` and `pwrite`: for users that read whole BARs or emulate the table.
   */
  readonly msixTable?: "refuse" | "hide";
  /** Told of what a task or a handler of the model threw, which is a fault of the model. Default: it is thrown on the event loop. */
  readonly onFault?: (error: unknown) => void;
}

/** Memory of a region that a driver may map. */
export interface MappableMemory extends RegionArea {
  readonly memory: DmaMemory;
}

/**
 * A function as the user of a device meets it, with the rules of the kernel's provider applied (rows R3 to R17): what a backend
 * in process or a server hands accesses to. It is synchronous; what the model does by itself goes on with {@link step}, or by timers.
 */
export interface HostedFunction extends Disposable {
  readonly name: string;
  readonly info: DeviceInfo;
  /** Whether it was unplugged. */
  readonly gone: boolean;
  /** @throws PciError `ERR_OUT_OF_RANGE` */
  regionInfo(index: number): RegionInfo;
  /** The memory behind the mappable areas of a region, in the order of their offsets. */
  mappable(index: number): readonly MappableMemory[];
  /**
   * Reads as `pread` of a VFIO device: split into naturally aligned accesses of 8, 4, 2 and 1 bytes.
   *
   * @returns bytes read: fewer than asked for across the end of a region, 0 at the end
   * @throws PciError `ERR_OUT_OF_RANGE` past the end, `ERR_NOT_SUPPORTED` for a region that is not there, `ERR_MEMORY_DISABLED`,
   * `ERR_DEVICE_GONE`, `ERR_MSIX_TABLE`
   */
  read(index: number, offset: number, target: Uint8Array): number;
  /** Writes, as {@link read}. @returns bytes written */
  write(index: number, offset: number, source: Uint8Array): number;
  /** Vectors of a kind, with the flags that Linux's vfio-pci gives. @throws PciError `ERR_INVALID_ARGUMENT` */
  irqInfo(kind: IrqKind): IrqInfo;
  /** Connects vectors to sinks; null disconnects. @throws PciError as `BackendDevice.setIrqs`; nothing is then changed */
  setIrqs(kind: IrqKind, start: number, sinks: readonly (IrqSink | null)[]): void;
  /** Disables a kind and disconnects its sinks. Harmless if it is off. */
  disableIrqs(kind: IrqKind): void;
  /** Masks the line. @throws PciError `ERR_IRQ_COUNT`, `ERR_NOT_SUPPORTED` for other kinds, and while it is off */
  maskIrqs(kind: IrqKind, start: number, count: number): void;
  /** Unmasks the line, which fires at once if it is still asserted. @throws PciError as {@link maskIrqs} */
  unmaskIrqs(kind: IrqKind, start: number, count: number): void;
  /** Fires vectors as the device would (loop-back). @throws PciError `ERR_IRQ_COUNT`, `ERR_NOT_SUPPORTED` while the kind is off */
  triggerIrqs(kind: IrqKind, start: number, count: number): void;
  /** Resets the function; its user's interrupts and BARs stay as they are. @throws PciError `ERR_NO_RESET`, what a fault says */
  reset(): void;
  /** Resets the bus. @throws PciError `ERR_NOT_SUPPORTED` */
  busReset(): void;
  /** A user comes: reset if it can be, with nothing left of the last one (row R17). */
  open(): void;
  /** The user has gone: interrupts and bus mastering off, reset, its virtual configuration forgotten (row R17). */
  close(): void;
  /** Asks the user to give it back (`req`). */
  request(): void;
  /** Pulls it out: reads answer ones from now on, nothing interrupts. */
  unplug(): void;
  /** Plugs it in again, as after power-on. */
  replug(): void;
  /**
   * Lets the model take a step: what is due, and `poll`.
   *
   * @returns whether something was done
   */
  step(): boolean;
  /** Whether tasks wait for time to pass. */
  readonly pending: boolean;
  /** State of a model that can be migrated; undefined if this one cannot. */
  readonly migration: HostedMigration | undefined;
}

/** The state of a hosted function, apart from what its memory holds. */
export interface HostedMigration {
  /** Halts the device: no task runs, nothing interrupts, accesses still answer. @throws PciError `ERR_CLOSED` while it is not open */
  stop(): void;
  /** Lets it go on. */
  run(): void;
  /** Its state, and the host's; only while stopped. */
  save(): Uint8Array;
  /** How many bytes {@link save} would give now; of one that runs about as many as it will. It takes as long as {@link save}. */
  size(): number;
  /** Takes it up; only while stopped. @throws PciError `ERR_PROTOCOL` for bytes that are no state of this model */
  load(state: Uint8Array): void;
}
