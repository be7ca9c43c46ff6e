import type { DeviceConfig } from "./device-config.ts";
import type { IrqSink } from "./hosted-function.ts";
import { fire } from "./irq-sink.ts";

/**
 * The interrupt line: a level, with the mask that the provider sets when it fires (row R10) and Interrupt Disable of the user's
 * virtual command register. While it is asserted, taking the last of these away fires it again.
 */
export class IntxLine {
  readonly #config: DeviceConfig;
  #sink: IrqSink | null = null;
  #isEnabled = false;
  #isAsserted = false;
  #isMasked = false;
  #isDisabled = false;
  #isHeld = false;
  #isFiring = false;

  constructor(config: DeviceConfig) {
    this.#config = config;
  }

  get asserted(): boolean {
    return this.#isAsserted;
  }

  /** Whether INTx is what the user has enabled; a line masked before is so no more. */
  set enabled(enabled: boolean) {
    if (this.#isEnabled === enabled) return;
    this.#isEnabled = enabled;
    this.#isMasked = false;
    this.#update();
  }

  set held(held: boolean) {
    this.#isHeld = held;
    this.#update();
  }

  /** Sends its events somewhere, or nowhere. */
  connect(sink: IrqSink | null): void {
    this.#sink = sink;
    this.#update();
  }

  disconnect(): void {
    this.#sink = null;
  }

  assert(asserted: boolean): void {
    this.#isAsserted = asserted;
    this.#config.interruptStatus = asserted;
    this.#update();
  }

  mask(): void {
    this.#isMasked = true;
    this.#update();
  }

  unmask(): void {
    this.#isMasked = false;
    this.#update();
  }

  /** Clearing Interrupt Disable unmasks as well: for the kernel the two are one (`vfio_basic_config_write`). */
  setInterruptDisable(disabled: boolean): void {
    this.#isDisabled = disabled;
    if (!disabled) this.#isMasked = false;
    this.#update();
  }

  /** Loop-back: an event without the level (`vfio_send_intx_eventfd`). */
  trigger(): void {
    if (!this.#isDisabled) fire(this.#sink);
  }

  /** Fires if it is to: what unmasked the line out of its own event is put off until the next access. */
  refresh(): void {
    if (this.#isAsserted) this.#update();
  }

  #update(): void {
    const isQuiet = this.#isMasked || this.#isDisabled || this.#isHeld || this.#isFiring;
    const fires = this.#isEnabled && this.#isAsserted && !isQuiet && this.#sink !== null;
    if (fires) this.#isMasked = true;
    this.#config.interruptDisable = this.#isMasked || this.#isDisabled;
    if (!fires) return;
    this.#isFiring = true;
    try {
      fire(this.#sink);
    } finally {
      this.#isFiring = false;
    }
  }
}
