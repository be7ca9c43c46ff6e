/**
 * Interrupt vectors of PCI devices as callbacks, async iterators, promises and synchronous waits.
 *
 * @packageDocumentation
 */
export { type AdoptTarget, adoptVector } from "./adopted-vector.ts";
export type { IrqDevice } from "./device.ts";
export { IrqSet } from "./irq-set.ts";
export { type EnableOptions, Irqs } from "./irqs.ts";
export { throwLater } from "./throw-later.ts";
export type {
  AdoptedVector,
  EventsOptions,
  LatencyStats,
  SharedVector,
  SpinOptions,
  Subscription,
  Vector,
  VectorStats,
  WaitOptions,
  WaitSyncOptions,
} from "./vector.ts";
