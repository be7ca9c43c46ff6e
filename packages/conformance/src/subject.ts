import type { Backend, BackendDevice, FeatureName, Iova, IovaRange, IrqKind } from "@userpci/interface";

/** A function that the suite may open, reset and drive, with what is known of it from elsewhere than the backend. */
export interface SubjectFunction {
  /** As given to `open`. */
  readonly address: string;
  /** Vendor and device id: the first 32 bits of configuration space. */
  readonly ids: number;
  /** Whether it has a reset method. */
  readonly resettable: boolean;
  /** Number of vectors of each kind. */
  readonly vectors: Readonly<Record<IrqKind, number>>;
  /** A memory BAR that can be mapped. */
  readonly bar: number;
  /** Region that holds the MSI-X table, if it must not be touched. */
  readonly msixTable?: { readonly region: number; readonly offset: number };
}

/** A function that copies memory by DMA when it is told to. */
export interface Copier {
  readonly address: string;
  /** The widest address in bits that it can drive. */
  readonly addressBits: number;
  /** Gets it ready after it was opened: memory decode, bus mastering, what was left by others. */
  start(device: BackendDevice): CopyEngine;
}

/** A copier at work. */
export interface CopyEngine {
  /** Most bytes that one copy moves. */
  readonly most: number;
  /** Moves bytes from one address to another, both seen by the device. Resolves when it has ended, well or not. */
  copy(from: Iova, to: Iova, size: number): Promise<void>;
}

/** What takes {@link Subject.main} away and brings it back, as who pulls it out of its slot does. */
export interface Unplug {
  /** Wants it gone. Resolves when it is, which the system may put off until its user has closed it. */
  remove(): Promise<void>;
  /** Brings it back, ready to be opened. */
  restore(): Promise<void>;
}

/** Uses an optional feature, on a device of the subject's backend. */
export type FeatureUse = (device: BackendDevice) => unknown;

/** A backend to be tried, and what to try it on. What wants a function that is not there is left out, and reported. */
export interface Subject {
  /** The backend's name; {@link differences} are listed by it. */
  readonly backend: string;
  /** A new instance; the suite closes it. */
  create(): Backend;
  /**
   * A function with a reset method, MSI-X and a mappable BAR, alone on a bus that can be reset. Not a virtual function: the
   * suite switches memory decode off.
   */
  readonly main: SubjectFunction;
  /** A function without a reset method. */
  readonly withoutReset?: SubjectFunction;
  /** Two functions of one IOMMU group. */
  readonly pair?: readonly [SubjectFunction, SubjectFunction];
  readonly copier?: Copier;
  /** Or why this backend, or this user, cannot. */
  readonly unplug?: Unplug | string;
  /** An address that no function has. */
  readonly missing: string;
  /** Text that is no address of this backend's. Default `not an address`; where an address is any name, the empty one. */
  readonly malformed?: string;
  /** Smallest page of the IOMMU, in bytes. */
  readonly pageSize?: number;
  /** Addresses that the IOMMU translates for no device, such as those of interrupts: 0xfee00000 to 0xfeefffff on x86. */
  readonly reserved?: IovaRange;
  /** Optional features that must be there on {@link main}; all others must be refused. */
  readonly features: readonly FeatureName[];
  /** What the backend's devices have for their features beyond the contract: to be refused where {@link main} lacks the feature. */
  readonly uses?: Partial<Readonly<Record<FeatureName, readonly FeatureUse[]>>>;
}

/** What a {@link Subject} may lack. */
export type SubjectPart = "withoutReset" | "pair" | "copier" | "unplug" | "pageSize" | "reserved" | "uses";
