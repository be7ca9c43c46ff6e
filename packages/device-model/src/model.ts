import type { RegionArea } from "@userpci/interface";
import type { ConfigSpace } from "@userpci/pci-config";
import type { BarShape, SpaceDescription } from "@userpci/pci-config/builder";
import type { AnyRegisterTable } from "./registers/table.ts";

/** Bytes of one access to registers. 64 bits have methods of their own. */
export type AccessWidth = 1 | 2 | 4;

/** Number of a BAR. */
export type BarNumber = 0 | 1 | 2 | 3 | 4 | 5;

/**
 * What answers a driver's accesses to a BAR, one call an access, at offsets that are multiples of the width and inside the
 * BAR. Values are unsigned. A register bank is one.
 */
export interface AccessHandler {
  /** Answers a read. */
  read(offset: number, width: AccessWidth): number;
  /** Takes a write. */
  write(offset: number, width: AccessWidth, value: number): void;
  /** 64 bits in one access. Default: two accesses of 32, the low half first. */
  read64?(offset: number): bigint;
  /** As {@link read64}. */
  write64?(offset: number, value: bigint): void;
}

/** A part of a BAR that is plain memory, in whole pages of 4 KiB. The host keeps the bytes; see `ModelDevice.memory`. */
export interface BarMemory extends RegionArea {
  /** Whether drivers may map it: the model is not told of their accesses, and finds them in `ModelInstance.poll`. */
  readonly mappable: boolean;
}

/** A BAR of a model. What of it is not memory is answered by the {@link AccessHandler} of its number. */
export interface BarModel extends BarShape {
  /** Default: none. */
  readonly memory?: readonly BarMemory[];
  /** What its registers are, for drivers, people and recordings. */
  readonly registers?: AnyRegisterTable;
}

/** Identity and capabilities of a function, for `buildSpace` of `@userpci/pci-config/builder`. BARs and ROM are the model's. */
export type ModelConfig = Omit<
  Extract<SpaceDescription, { readonly layout?: "endpoint" }>,
  "layout" | "bars" | "rom"
>;

/**
 * A PCI function as its author describes it: data, and what makes the thing that behaves. Interrupts (the pin, MSI, MSI-X
 * with its table and pending bits) and the reset of the function (FLR of PCI Express or AF, or power management without
 * No_Soft_Reset) are what the capabilities of `config` say; the host implements them, and the permission tables, so that a model cannot forget them.
 */
export interface DeviceModel {
  /** Short, for messages: `edu`. */
  readonly name: string;
  readonly config: ModelConfig;
  readonly bars?: Readonly<Partial<Record<BarNumber, BarModel>>>;
  /** Bytes of the expansion ROM, read-only; the region has the next power of two from 2 KiB on. */
  readonly rom?: Uint8Array;
  /** Vital product data, read-only, at most 32 KiB: what the vpd capability of `config` gives access to. */
  readonly vpd?: Uint8Array;
  /** Whether it lies behind a port of its own, whose bus can be reset. Default false: on the root bus. */
  readonly busReset?: boolean;
  /** The widest address in bits that it drives; DMA beyond is cut off to it as on hardware. Default 64. */
  readonly addressBits?: number;
  /** Makes the device, as power does. The host calls `reset("power-on")` next. */
  create(device: ModelDevice): ModelInstance;
}

/** Why a device is reset. `power-on` comes when it is made, when it is pulled out and so loses its power, and when it is plugged in again. */
export type ResetCause = "power-on" | "function" | "bus" | "power-state";

/** A device that behaves. */
export interface ModelInstance {
  /** By number; a BAR that is all memory needs none. */
  readonly bars?: Readonly<Partial<Record<BarNumber, AccessHandler>>>;
  /** Goes back to the state after power-on. The host has ended its tasks, and has dropped what was pending. */
  reset(cause: ResetCause): void;
  /**
   * Looks for what drivers have written to mappable memory. The host calls it again and again: in process with every step, in
   * a server as long as there is something to do, then less often. Absent: nothing to look for.
   *
   * @returns whether it found something to do
   */
  poll?(): boolean;
  /**
   * Its state as bytes, in the middle of whatever it does: no task runs meanwhile. Memory of BARs, configuration and
   * interrupts are the host's to save. Absent: it cannot be migrated.
   */
  save?(): Uint8Array;
  /** Takes up from {@link save}'s bytes, also of another process, after a reset. @throws PciError for bytes that are none */
  load?(state: Uint8Array): void;
}

/** What a task waits for; made by `ModelTime.sleep`, by DMA, or by an author: `begin` calls `resume` once, now or later. */
export interface Pause {
  /** Begins to wait. */
  begin(resume: () => void): void;
}

/**
 * Something that a device does by itself, as a generator: it yields whatever it has to wait for, so that it runs
 * as well step by step in a driver's polling loop as in a server between messages.
 */
export type Task = Generator<Pause, void, void>;

/** What the host gives a model. */
export interface ModelDevice {
  readonly name: string;
  /** The device's own configuration space, beneath the permission tables. */
  readonly config: ConfigSpace;
  /** Whether bus mastering is on: without it there is no DMA and no message. */
  readonly busMaster: boolean;
  readonly dma: ModelDma;
  readonly interrupts: ModelInterrupts;
  readonly time: ModelTime;
  /**
   * The bytes of one of a BAR's memories, the same that drivers map.
   *
   * @param index in `BarModel.memory`. Default 0
   */
  memory(bar: BarNumber, index?: number): Uint8Array<ArrayBuffer>;
  /**
   * Starts a task; it runs until its first pause at once. What it throws is a fault of the model, see `HostOptions.onFault`;
   * but an `ERR_DMA_FAULT` is the driver's, and just ends it: Status says "received master abort", as on hardware.
   */
  run(task: Task): void;
  /** Reports an error by AER: its bits are set, and the driver's `err` event fires if it is uncorrectable. */
  reportError(error: ModelError): void;
}

/** An error to report; a bit of the AER status registers, by its name in `@userpci/pci-config`'s tables. */
export interface ModelError {
  readonly severity: "correctable" | "nonfatal" | "fatal";
  /** Field name of `correctableStatus` or `uncorrectableStatus`. */
  readonly bit: string;
}

/**
 * Access to memory by the device's own addresses. An access that the IOMMU stops is an `ERR_DMA_FAULT`; what was before it in
 * the same access is done. With bus mastering off, all are.
 */
export interface ModelDma {
  /**
   * The bytes themselves, where they lie in one piece in memory that this process has mapped: for descriptors and data that are
   * touched often. Not to be kept: a driver may unmap them with the next message.
   *
   * @param access what the device does: `write` notes the pages as dirty
   * @returns undefined if they do not, and where there is no mapping: {@link read} and {@link write} tell which
   */
  view(iova: bigint, size: number, access: "read" | "write"): Uint8Array<ArrayBuffer> | undefined;
  /** Reads into `target`: `yield* dma.read(...)` in a task. @throws PciError `ERR_DMA_FAULT` */
  read(iova: bigint, target: Uint8Array): Task;
  /** Writes. @throws PciError `ERR_DMA_FAULT` */
  write(iova: bigint, source: Uint8Array): Task;
  /** Reads or writes a scatter list, one range after the other. @throws PciError `ERR_DMA_FAULT` */
  transfer(list: readonly DmaRange[], bytes: Uint8Array, access: "read" | "write"): Task;
}

/** A range of a scatter list. */
export interface DmaRange {
  readonly iova: bigint;
  readonly size: number;
}

/** The device's interrupts. */
export interface ModelInterrupts {
  /** What the driver has enabled; undefined while it has enabled nothing. */
  readonly mode: "intx" | "msi" | "msix" | undefined;
  /** Vectors that are enabled of that kind; 0 without a mode. */
  readonly vectors: number;
  /**
   * Asserts the line, or takes it back. It stays asserted until that: a driver that unmasks the line before it has
   * acknowledged the device is interrupted again (PCI 3.0, section 6.2.4: Status bit 3 and Interrupt Disable).
   */
  setLine(asserted: boolean): void;
  /** Sends the message of a vector of MSI or MSI-X. A masked one stays pending; one that is not enabled is lost. */
  signal(vector: number): void;
}

/** The device's clock, which a host may let run faster than the wall's: every access and `relax()` of a driver advances it. */
export interface ModelTime {
  /** Microseconds since power-on. */
  now(): number;
  /** Waits that long, in a task: `yield* time.sleep(100)`. @param us microseconds; 0 lets the driver go on first */
  sleep(us: number): Task;
}
