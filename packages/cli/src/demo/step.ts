/** The steps of the demo in their order, and the words that announce each when it holds. */
export const stepTitles = {
  serve: "served",
  find: "device found",
  bind: "bound",
  group: "IOMMU group",
  open: "opened",
  config: "config decoded",
  map: "BAR mapped",
  factorial: "factorial",
  dma: "DMA",
  msi: "MSI",
  isolation: "isolated",
  close: "closed",
  release: "given back",
  stop: "server ended",
} as const;

/** Name of a step. */
export type StepName = keyof typeof stepTitles;

/** What each step was given. `locked` counts bytes that the kernel says this process has pinned (`VmLck`). */
export interface StepInputs {
  serve: { model: string; socket: string };
  find: { id: string };
  bind: { address: string; user: number };
  group: { group: number };
  open: { address: string; uid: number; gid: number };
  config: { bytes: number };
  map: { bar: number; livenessWritten: string };
  factorial: { n: number };
  dma: { bytes: number; sha256: string; sourceIova: string; targetIova: string };
  msi: { rounds: number };
  isolation: { iova: string; bytes: number; sha256: string };
  close: { address: string; lockedBefore: number };
  release: { address: string };
  stop: { pid: number };
}

/** What each step found out. */
export interface StepResults {
  serve: { pid: number };
  find: { address: string; className: string; driver: string | null };
  bind: { driver: string; formerDriver: string | null; nodes: readonly string[] };
  group: { viable: boolean; type: string | null; members: readonly string[]; reserved: readonly string[] };
  open: { backend: string; node: string; resettable: boolean };
  config: {
    id: string;
    className: string;
    revision: number;
    capabilities: readonly string[];
    problems: number;
  };
  map: { size: number; version: string; livenessRead: string };
  factorial: { value: number; trace: readonly string[] };
  dma: { sha256Back: string; equal: boolean; milliseconds: number; lockedBytes: number };
  msi: { events: number; causesSeen: boolean; medianMicroseconds: number };
  isolation: IsolationResults;
  close: { lockedBytes: number; pinnedBytes: number; useAfterClose: string };
  release: { driver: string | null };
  stop: { status: number | null };
}

/** The device tried to write where it no longer may. */
export interface IsolationResults {
  /** Whether the same transfer wrote the memory while it was mapped. */
  readonly wroteWhileMapped: boolean;
  /** Hash of the memory after the transfer that was to be stopped. */
  readonly sha256After: string;
  readonly unchanged: boolean;
  /** What the domain knows of the address. */
  readonly explanation: string;
  /** The kernel's line about it, from the machine's console. Added by the host. */
  readonly fault?: string;
  /** Accesses of the device that the emulated IOMMU stopped there; null where there is no emulation to ask. Added by the host. */
  readonly stoppedAccesses?: number | null;
}

/** A step that held. */
export type StepReport = { [N in StepName]: StepOf<N> }[StepName];

/** {@link StepReport} of one step. */
export interface StepOf<N extends StepName> {
  readonly step: N;
  readonly inputs: Readonly<StepInputs[N]>;
  readonly results: Readonly<StepResults[N]>;
  readonly durationMs: number;
}
