import type { IrqKind, PinBudget } from "@userpci/interface";

/** What a line of telemetry says that it is. */
export const TELEMETRY_SCHEMA = "userpci:telemetry/1";

/** How often something was read and written. */
export interface AccessCounts {
  readonly reads: number;
  readonly writes: number;
}

/**
 * Accesses through `device.bar(n)`, `device.rom()` and `device.config`, each exactly once: those that the device or the system refused are
 * left out. What goes through `device.backendDevice`, and what other threads do that adopted memory or a vector, is not seen.
 */
export interface RegisterTelemetry {
  /** Through mapped BARs. */
  readonly mapped: AccessCounts;
  /** Through BARs and the ROM by system call or message. */
  readonly called: AccessCounts;
  /** In configuration space. */
  readonly config: AccessCounts;
}

/** A BAR that is mapped. */
export interface MappingTelemetry {
  /** 0 to 5. */
  readonly bar: number;
  /** Bytes. */
  readonly size: number;
}

/** The device's memory, and how much of what its domain may have is used. All exact when they were taken. */
export interface DmaTelemetry {
  /** Buffers that are open, and their bytes. */
  readonly buffers: number;
  readonly bytes: number;
  /** Buffers that were ever made, and their bytes: for rates. */
  readonly made: number;
  readonly madeBytes: number;
  /** Mappings of the domain, of all its devices; the limit is null where there is none. */
  readonly mappings: { readonly used: number; readonly limit: number | null };
  /** What the kernel counts against `RLIMIT_MEMLOCK`, in bytes; null where it counts nothing. The limit is null where there is none. */
  readonly pinned: {
    readonly used: number;
    readonly limit: number | null;
    readonly scope: PinBudget["scope"];
  } | null;
}

/**
 * A vector that is enabled. Exact for what readers of the thread that opened the device were told; what still waits to be asked
 * for, and what another thread adopted, is not in it.
 */
export interface InterruptTelemetry {
  readonly kind: IrqKind;
  readonly vector: number;
  /** Interrupts, those that came together counted each. */
  readonly count: number;
  /** Times that a reader was told. */
  readonly deliveries: number;
  /** Most interrupts in one delivery. */
  readonly largest: number;
}

/** An open device. */
export interface DeviceTelemetry {
  /** PCI address, or what the backend was given. */
  readonly address: string;
  /** Such as `vfio-cdev`. */
  readonly backend: string;
  /** Milliseconds since it was opened. */
  readonly openMs: number;
  readonly registers: RegisterTelemetry;
  readonly mappings: readonly MappingTelemetry[];
  readonly dma: DmaTelemetry;
  readonly interrupts: readonly InterruptTelemetry[];
}

/** The program. */
export interface ProgramTelemetry {
  readonly pid: number;
  /** 0 for the main thread. Each thread that opens devices tells of its own. */
  readonly thread: number;
  /** Its command line. */
  readonly command: string;
  /** Version of Node. */
  readonly node: string;
}

/** What a program says of itself and the devices that it has open: one line of JSON. Counts only grow while a device is open. */
export interface TelemetrySnapshot {
  readonly schema: typeof TELEMETRY_SCHEMA;
  /** When it was taken, in milliseconds of a clock that only goes forward: two of them make a rate. */
  readonly atMs: number;
  readonly program: ProgramTelemetry;
  readonly devices: readonly DeviceTelemetry[];
}
