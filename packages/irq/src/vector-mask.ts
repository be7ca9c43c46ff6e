import { type IrqInfo, PciError } from "@userpci/interface";
import { kindNames, type VectorDevice } from "./device.ts";

/** What masks one vector: its user, or the provider each time it fires. */
export class VectorMask {
  readonly #device: VectorDevice;
  readonly #info: IrqInfo;
  readonly #index: number;
  /** Masked by the user. */
  #held = false;
  /** Masked by the provider when it fired. */
  #autoMasked = false;

  constructor(device: VectorDevice, info: IrqInfo, index: number) {
    this.#device = device;
    this.#info = info;
    this.#index = index;
  }

  /** Whether the user holds the vector masked. */
  get held(): boolean {
    return this.#held;
  }

  /** Whether the provider masks the vector when it fires. */
  get isAutomatic(): boolean {
    return this.#info.autoMasked;
  }

  /** @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked */
  mask(): void {
    this.#checkMaskable();
    this.#device.maskIrqs(this.#info.kind, this.#index, 1);
    this.#held = true;
  }

  /** Undoes {@link mask}. @throws PciError `ERR_NOT_SUPPORTED` if the kind cannot be masked */
  unmask(): void {
    this.#checkMaskable();
    this.#unmask();
    this.#held = false;
  }

  /** Takes note that the vector fired. */
  fired(): void {
    if (this.#info.autoMasked) this.#autoMasked = true;
  }

  /**
   * Lets the vector fire again, unless its user masked it. What fails is tried again by the next call; what a reset puts off
   * fails with the reset, and then needs {@link unmask}.
   */
  rearm(): void {
    if (this.#autoMasked && !this.#held) this.#unmask();
  }

  #unmask(): void {
    const wasMasked = this.#autoMasked;
    // Before the call, in which it may fire again.
    this.#autoMasked = false;
    try {
      this.#device.unmaskIrqs(this.#info.kind, this.#index, 1);
    } catch (error) {
      this.#autoMasked = wasMasked;
      throw error;
    }
  }

  #checkMaskable(): void {
    if (this.#info.maskable) return;
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `${kindNames[this.#info.kind]} vectors of ${this.#device.address} cannot be masked`,
      { hint: "switch the source off in the device's own interrupt mask register" },
    );
  }
}
