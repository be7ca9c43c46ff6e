import { PciError } from "./errors.ts";
import { Failures } from "./failures.ts";

/** Whether an open device may be touched at this moment: for backends, one object for a device and all of its regions. */
export class AccessGate {
  /** Of the device, for messages. */
  readonly address: string;
  #state: "open" | "resetting" | "closed" = "open";
  readonly #afterReset: (() => void)[] = [];

  constructor(address: string) {
    this.address = address;
  }

  /** Whether the device was closed. */
  get closed(): boolean {
    return this.#state === "closed";
  }

  /** Whether the device is being reset. */
  get resetting(): boolean {
    return this.#state === "resetting";
  }

  /** Whether an access would be refused; cheap enough for every system call. */
  get blocked(): boolean {
    return this.#state !== "open";
  }

  /** @throws PciError `ERR_CLOSED`, `ERR_RESETTING` */
  assertUsable(): void {
    if (this.#state === "open") return;
    if (this.#state === "closed") {
      throw new PciError("ERR_CLOSED", `${this.address} is closed`, { hint: "open the device again" });
    }
    throw new PciError("ERR_RESETTING", `${this.address} is being reset`, {
      hint: "await the promise of reset() before touching registers",
    });
  }

  /** Refuses accesses until {@link endReset}. @throws PciError `ERR_CLOSED`, `ERR_RESETTING` */
  beginReset(): void {
    this.assertUsable();
    this.#state = "resetting";
  }

  /** Lets accesses through again, after what was put off until now. @throws what of that failed, when all was done */
  endReset(): void {
    if (this.#state !== "resetting") return;
    this.#state = "open";
    const failures = new Failures();
    for (const step of this.#afterReset.splice(0)) failures.try(step);
    failures.throwIfAny(`the reset of ${this.address} is over, but`);
  }

  /** Puts a step off until the reset under way is over; never done if the device is closed before. */
  afterReset(step: () => void): void {
    this.#afterReset.push(step);
  }

  /** Refuses accesses for ever. */
  close(): void {
    this.#state = "closed";
    this.#afterReset.length = 0;
  }
}
