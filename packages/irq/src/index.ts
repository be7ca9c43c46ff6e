/**
 * Interrupt vectors of PCI devices as callbacks, async iterators, promises and synchronous waits.
 *
 * @packageDocumentation
 */
export type { IrqDevice } from "./device.ts";
export { IrqSet } from "./irq-set.ts";
export { type EnableOptions, Irqs } from "./irqs.ts";
export type {
  EventsOptions,
  Subscription,
  Vector,
  VectorStats,
  WaitOptions,
  WaitSyncOptions,
} from "./vector.ts";
