/** What faults happen at, each counted from 1 for each function. */
export const occasions = {
  access: "an access of the driver to a region, configuration space included",
  read: "such an access that reads",
  dma: "an access of the device to memory",
  work: "a time that the device waits by itself, or moves memory: the occasions on which hardware may take longer",
  interrupt: "an event of INTx, MSI or MSI-X on its way to the driver",
  map: "memory on its way into the address space of the device",
  reset: "a reset that the driver asks for, of the function or its bus",
} as const;

/** Name of one of {@link occasions}. */
export type Occasion = keyof typeof occasions;

/** A kind of fault. */
export interface FaultKind {
  /** What it happens at. */
  readonly occasion: Occasion;
  /** What the driver meets. */
  readonly what: string;
  /** How long it takes by default, in microseconds of the device's time; none if it takes no time. */
  readonly us?: number;
}

/** Every kind of fault that a plan may hold. */
export const faultKinds = {
  unplug: {
    occasion: "access",
    what: "the device is pulled out just before the access: ERR_DEVICE_GONE from then on",
  },
  request: {
    occasion: "access",
    what: "the system asks for the device back: `req`, and ERR_BUSY for resets",
  },
  spuriousInterrupt: {
    occasion: "access",
    what: "a vector that is connected fires, and nothing has happened",
  },
  allOnes: { occasion: "read", what: "nobody answers this read: all ones, and the device is not told of it" },
  dmaError: { occasion: "dma", what: "the device gets ERR_DMA_FAULT, and reports it as its kind does" },
  slow: { occasion: "work", what: "the device takes longer", us: 1000 },
  lostInterrupt: { occasion: "interrupt", what: "the event never arrives" },
  lateInterrupt: { occasion: "interrupt", what: "the event arrives later", us: 100 },
  noPins: { occasion: "map", what: "ERR_MEMLOCK: no more memory may be pinned (the kernel's ENOMEM)" },
  mapBusy: { occasion: "map", what: "EBUSY" },
  resetFails: { occasion: "reset", what: "ENOTTY: the function did not come back in time; it is as it was" },
} as const satisfies Readonly<Record<string, FaultKind>>;

/** Name of one of {@link faultKinds}. */
export type FaultName = keyof typeof faultKinds;

/** A kind by its name. */
export const kindOf = (fault: FaultName): FaultKind => faultKinds[fault];

/** The occasion that a fault happens at. */
export type OccasionOf<F extends FaultName> = (typeof faultKinds)[F]["occasion"];

/** One fault at a certain moment, by the number of its occasion: `{ at: { access: 12 }, fault: "unplug" }`. */
export type ScriptedFault = {
  [F in FaultName]: {
    /** Which of its occasions, from 1. */
    readonly at: { readonly [O in OccasionOf<F>]: number };
    readonly fault: F;
    /** How many occasions in a row. Default 1. */
    readonly times?: number;
    /** Microseconds, for what takes time. Default: the kind's. */
    readonly us?: number;
    /** The function's address, which must be said where there are several. */
    readonly address?: string;
  };
}[FaultName];

/** How often a fault happens: a chance from 0 to 1, alone or with how long it takes. */
export type FaultRate = number | { readonly rate: number; readonly us?: number };

/** Faults as data: what `emulated` takes. */
export interface Faults {
  /** Of the rates: 0 to 2^32 - 1. The same seed gives the same run. Default 1. */
  readonly seed?: number;
  /** Chance of each kind at each of its occasions. Default: none. */
  readonly rates?: Readonly<Partial<Record<FaultName, FaultRate>>>;
  readonly script?: readonly ScriptedFault[];
}

/** A fault that happened. */
export interface HappenedFault {
  readonly address: string;
  readonly fault: FaultName;
  /** As a script would say it. */
  readonly at: Readonly<Partial<Record<Occasion, number>>>;
  /** How many accesses the driver had begun. */
  readonly accesses: number;
  /** For what takes time: microseconds. */
  readonly us?: number;
  /** Vector of an interrupt, such as `msix 3`. */
  readonly vector?: string;
}
