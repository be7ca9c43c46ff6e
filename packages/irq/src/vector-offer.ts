import { type IrqInfo, type IrqTarget, PciError, type SharedIrqTarget } from "@userpci/interface";
import { type IrqDevice, kindNames } from "./device.ts";
import type { SharedVector } from "./vector.ts";

/** What lets another thread read a vector: its target and, for a vector that masks itself, a target that unmasks it. */
export class VectorOffer {
  readonly #device: IrqDevice;
  readonly #info: IrqInfo;
  readonly #index: number;
  readonly #target: IrqTarget;
  #unmask: IrqTarget | undefined;
  #made = false;

  constructor(device: IrqDevice, info: IrqInfo, index: number, target: IrqTarget) {
    this.#device = device;
    this.#info = info;
    this.#index = index;
    this.#target = target;
  }

  /** Whether there is an offer that this thread has not taken back. */
  get made(): boolean {
    return this.#made;
  }

  /** Whether another thread reads the vector, or may still adopt it. */
  get active(): boolean {
    return this.#made && this.#target.shared === true;
  }

  /** @throws PciError `ERR_NOT_SUPPORTED`, what the backend says; nothing is offered then */
  make(): SharedVector {
    const { address } = this.#device;
    if (this.#target.share === undefined) {
      throw new PciError(
        "ERR_NOT_SUPPORTED",
        `${kindNames[this.#info.kind]} vector ${this.#index} of ${address} cannot be read by another thread`,
        { hint: "read it here, and post messages to the other thread" },
      );
    }
    const target = this.#target.share();
    this.#made = true;
    const offer = { address, info: this.#info, index: this.#index, target };
    if (!this.#info.autoMasked) return offer;
    try {
      return { ...offer, unmask: this.#shareUnmask() };
    } catch (error) {
      this.withdraw();
      throw error;
    }
  }

  /** @throws PciError `ERR_IRQ_BUSY` if another thread reads the vector */
  withdraw(): void {
    this.#target.unshare?.();
    this.takeBack();
  }

  /** What follows when no other thread reads the vector any more. */
  takeBack(): void {
    if (this.#unmask !== undefined) this.#device.setUnmaskTarget(this.#info.kind, this.#index, null);
    this.close();
    this.#made = false;
  }

  /** Closes what the vector's own target does not. */
  close(): void {
    this.#unmask?.close();
    this.#unmask = undefined;
  }

  #shareUnmask(): SharedIrqTarget {
    const unmask = this.#device.createIrqTarget();
    try {
      const shared = unmask.share!();
      this.#device.setUnmaskTarget(this.#info.kind, this.#index, unmask);
      this.#unmask = unmask;
      return shared;
    } catch (error) {
      unmask.close();
      throw error;
    }
  }
}
