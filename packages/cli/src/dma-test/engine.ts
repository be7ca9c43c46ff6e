import type { PciDevice } from "userpci";

/** What became of one transfer. */
export interface DmaRound {
  /** Bytes that the device moved. */
  readonly bytes: number;
  readonly durationMs: number;
  /** What was wrong; null if nothing was. */
  readonly fault: string | null;
}

/** What can let a device of one kind move memory. */
export interface DmaEngine extends AsyncDisposable {
  /** What the device is asked to do, for people. */
  readonly work: string;
  /** Lets the device move memory once, and checks every byte of it and beside it. */
  round(): Promise<DmaRound>;
}

/** Bytes of a page, of which memory has one before and one behind what the device may touch. */
export const PAGE = 4096;

/** How a device's engine is started. */
export type StartEngine = (device: PciDevice) => Promise<DmaEngine>;

/** Engines, by the name of the device in the table of known ones. */
export const engines: Readonly<Record<string, () => Promise<StartEngine>>> = {
  edu: async () => (await import("./edu-engine.ts")).startEduEngine,
  nvme: async () => (await import("./nvme-engine.ts")).startNvmeEngine,
};

/** Where a page of known content was changed, or null if it was not. */
export function firstChange(bytes: Uint8Array, expected: Uint8Array): number | null {
  for (let at = 0; at < expected.length; at++) if (bytes[at] !== expected[at]) return at;
  return null;
}
