import { EmulatedBackend } from "./backend.ts";
import type { Faults } from "./faults/kinds.ts";
import { EmulatedMachine, type EmulatedModels } from "./machine.ts";

/**
 * A backend whose devices are models in this process: no hardware, no addon, no root, on any system.
 *
 * ```ts
 * await using device = await openDevice("edu", { backend: emulated(edu()) });
 * ```
 *
 * Time is the devices' own: a microsecond passes with each access (two where it is mapped), each `relax()` and each step of a
 * synchronous wait; when the program goes back to its event loop, what is pending runs.
 *
 * @param models one model, whose address is its name, or several by address; or a machine, for several backends over it
 * @param faults what is to go wrong; a machine has its own
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for models or faults that make no sense
 */
export function emulated(models: EmulatedModels, faults?: Faults): EmulatedBackend;
export function emulated(machine: EmulatedMachine): EmulatedBackend;
export function emulated(models: EmulatedModels | EmulatedMachine, faults?: Faults): EmulatedBackend {
  if (models instanceof EmulatedMachine) return new EmulatedBackend(models, false);
  return new EmulatedBackend(new EmulatedMachine(models, faults), true);
}
