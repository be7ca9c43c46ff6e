import { checkMethods, checkType, type IrqTarget, PciError, type SharedIrqTarget } from "@userpci/interface";
import { kindNames, type VectorDevice } from "./device.ts";
import { IrqVector } from "./irq-vector.ts";
import type { AdoptedVector, SharedVector } from "./vector.ts";

/**
 * Takes over a target that another thread offers; `adoptIrqTarget` of `@userpci/vfio-native` is one.
 *
 * @param ended to be called when the target is closed where it came from, or that thread has ended
 */
export type AdoptTarget = (shared: SharedIrqTarget, ended: () => void) => IrqTarget;

/** What a vector needs of a target. */
const targetMethods = ["listen", "unlisten", "ref", "take", "waitSync", "signal", "close"] as const;

/**
 * Makes a vector that another thread offers this thread's own. It has all of {@link Vector} but `mask`; `trigger` adds an
 * event as the device would. It ends with the other thread's vector.
 *
 * @param shared what `share()` gave, as it came out of the message
 * @param adoptTarget the backend's; `adoptVector` of `userpci` has it built in
 * @throws PciError `ERR_CLOSED` if the offer is void, `ERR_IRQ_BUSY` if another thread has adopted it,
 * `ERR_INVALID_ARGUMENT`
 */
export function adoptVector(shared: SharedVector, adoptTarget: AdoptTarget): AdoptedVector {
  checkType("shared", shared, "object");
  checkType("shared.info", shared.info, "object");
  if (typeof adoptTarget !== "function") {
    throw new PciError("ERR_INVALID_ARGUMENT", `adoptTarget must be a function, not ${typeof adoptTarget}`, {
      hint: "pass adoptIrqTarget of @userpci/vfio-native, or use adoptVector of userpci",
    });
  }
  let vector: AdoptedIrqVector | undefined;
  const targets: IrqTarget[] = [];
  const adopt = (offer: SharedIrqTarget, ended: () => void): IrqTarget => {
    const target = adoptTarget(offer, ended);
    checkMethods("what adoptTarget returned", target, targetMethods);
    targets.push(target);
    return target;
  };
  try {
    const target = adopt(shared.target, () => vector?.end());
    const unmask = shared.unmask && adopt(shared.unmask, () => undefined);
    vector = new AdoptedIrqVector(shared, target, unmask);
    return vector;
  } catch (error) {
    for (const target of targets) target.close();
    throw error;
  }
}

class AdoptedIrqVector extends IrqVector implements AdoptedVector {
  readonly #unmask: IrqTarget | undefined;

  constructor(shared: SharedVector, target: IrqTarget, unmask: IrqTarget | undefined) {
    super(new DistantDevice(shared, target, unmask), shared.info, shared.index, target);
    this.#unmask = unmask;
  }

  close(): void {
    if (!this.closed) this.giveBack();
    this.end();
  }

  override end(): void {
    super.end();
    this.#unmask?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The device of a vector whose descriptor another thread has: what can be done by the vector's targets. */
class DistantDevice implements VectorDevice {
  readonly address: string;
  readonly #kind: string;
  readonly #target: IrqTarget;
  readonly #unmask: IrqTarget | undefined;

  constructor({ address, info }: SharedVector, target: IrqTarget, unmask: IrqTarget | undefined) {
    this.address = address;
    this.#kind = kindNames[info.kind];
    this.#target = target;
    this.#unmask = unmask;
  }

  triggerIrqs(): void {
    this.#target.signal();
  }

  maskIrqs(): void {
    throw new PciError("ERR_NOT_SUPPORTED", `an adopted ${this.#kind} vector cannot be masked`, {
      hint: "mask it in the thread that opened the device, before share()",
    });
  }

  unmaskIrqs(): void {
    this.#unmask?.signal();
  }
}
