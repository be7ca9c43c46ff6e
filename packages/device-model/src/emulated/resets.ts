import {
  type AccessGate,
  Failures,
  type HotResetDependent,
  PciError,
  resetHints,
  UnderWay,
} from "@userpci/interface";
import type { EmulatedFunction } from "./function.ts";
import { turn } from "./turn.ts";

/** The resets of one open device: of the function, and of its bus with all functions on it. */
export class Resets {
  readonly #fn: EmulatedFunction;
  readonly #access: AccessGate;
  readonly #calls = new UnderWay();

  constructor(fn: EmulatedFunction, access: AccessGate) {
    this.#fn = fn;
    this.#access = access;
  }

  /** See `BackendDevice.reset`. */
  async reset(): Promise<void> {
    this.#assertResettable();
    await this.#calls.track(this.#while([this.#access], () => this.#resetFunction()));
  }

  /** See `BackendDevice.resetSync`. */
  resetSync(): void {
    this.#assertResettable();
    this.#resetFunction();
  }

  /** See `BackendDevice.hotResetInfo`. */
  dependents(): readonly HotResetDependent[] {
    this.#access.assertUsable();
    const { group, address } = this.#fn;
    if (!group.bus) {
      throw new PciError("ERR_NOT_SUPPORTED", `${address} has no bus or slot that can be reset`, {
        hint: `a model with busReset is behind a port; ${resetHints.bus}`,
      });
    }
    return group.functions.map((each) => ({ group: group.number, address: each.address }));
  }

  /** See `BackendDevice.hotReset`. No function that it hits can be accessed meanwhile. */
  async hotReset(): Promise<void> {
    this.#assertBusResettable();
    const hit = this.#fn.group.functions.flatMap(({ access }) => access ?? []);
    await this.#calls.track(this.#while(hit, () => this.#resetBus()));
  }

  /** See `BackendDevice.hotResetSync`. */
  hotResetSync(): void {
    this.#assertBusResettable();
    this.#resetBus();
  }

  /** Resolves when no reset of this device is under way. */
  idle(): Promise<void> {
    return this.#calls.idle();
  }

  /** Refuses accesses to all that is hit until it is done. @throws also what was put off until then, and failed */
  async #while(hit: readonly AccessGate[], reset: () => void): Promise<void> {
    const begun: AccessGate[] = [];
    const failures = new Failures();
    try {
      for (const each of hit) {
        each.beginReset();
        begun.push(each);
      }
      await turn();
      reset();
    } finally {
      for (const each of begun) failures.try(() => each.endReset());
    }
    failures.throwIfAny(`${this.#fn.address} was reset, but`);
  }

  #resetFunction(): void {
    this.#fn.strikeReset();
    this.#fn.reset("function");
  }

  #resetBus(): void {
    this.#fn.strikeReset();
    for (const each of this.#fn.group.functions) if (!each.gone) each.reset("bus");
  }

  #assertResettable(): void {
    this.#access.assertUsable();
    this.#assertNotWanted([this.#fn]);
    if (this.#fn.gone) throw this.#fn.goneError("its reset");
    if (this.#fn.resettable) return;
    throw new PciError("ERR_NO_RESET", `${this.#fn.address} has no reset method`, {
      hint: resetHints.function,
    });
  }

  #assertBusResettable(): void {
    this.dependents();
    this.#assertNotWanted(this.#fn.group.functions);
    if (this.#fn.gone) throw this.#fn.goneError("its hot reset");
  }

  /** What takes a function away holds its lock, which a reset wants too (`pci_try_reset_function` in Linux's `drivers/pci/pci.c`). */
  #assertNotWanted(hit: readonly EmulatedFunction[]): void {
    if (!hit.some(({ wanted }) => wanted)) return;
    const { address } = this.#fn;
    throw new PciError(
      "ERR_BUSY",
      `${address} cannot be reset now: the system is taking it or a neighbour away`,
      {
        hint: "close the device: the system wants it back (device.onRelease tells)",
      },
    );
  }
}
