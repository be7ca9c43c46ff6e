import { setImmediate as turn } from "node:timers/promises";
import type { IrqSet } from "../irq-set.ts";
import { Irqs } from "../irqs.ts";
import type { Vector } from "../vector.ts";
import { TestDevice } from "./device.ts";
import type { TestTarget } from "./target.ts";

/** What {@link opened} gives. */
export interface Opened {
  readonly device: TestDevice;
  readonly set: IrqSet;
  readonly vector: Vector;
  readonly target: TestTarget;
}

/** A function with one vector, enabled. */
export function opened(kind: "msi" | "intx" = "msi"): Opened {
  const device = new TestDevice({ intx: 1, msi: 1 });
  const set = new Irqs(device).enable(kind);
  return { device, set, vector: set.at(0), target: device.targets[0]! };
}

/** Lets the event loop turn, so that what was fired arrives. */
export async function turns(count = 3): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}
