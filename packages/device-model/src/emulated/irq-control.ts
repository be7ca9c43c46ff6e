import {
  type AccessGate,
  checkInteger,
  checkVectorArray,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  PciError,
} from "@userpci/interface";
import type { EmulatedFunction } from "./function.ts";
import { type EmulatedIrqTarget, emulatedTarget } from "./irq-target.ts";

/** The interrupts of an open device. */
export class IrqControl {
  readonly #fn: EmulatedFunction;
  readonly #access: AccessGate;
  readonly #enabled = new Set<IrqKind>();
  /** What unmasks a vector when it is signalled, by kind and vector. */
  readonly #unmasking = new Map<string, EmulatedIrqTarget>();

  constructor(fn: EmulatedFunction, access: AccessGate) {
    this.#fn = fn;
    this.#access = access;
  }

  /** @throws PciError `ERR_CLOSED`, `ERR_INVALID_ARGUMENT` */
  info(kind: IrqKind): IrqInfo {
    this.#access.assertUsable();
    return this.#fn.hosted.irqInfo(kind);
  }

  /** See `BackendDevice.setIrqs`; the host checks what is not said of targets here. */
  set(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void {
    this.#access.assertUsable();
    checkVectorArray("targets", targets);
    const own = targets.map((target) => target && emulatedTarget(target));
    this.#fn.setIrqs(kind, start, own);
    // ERR and REQ are nothing but their target; the others stay enabled without one.
    const isOn = own[0] !== null || (kind !== "err" && kind !== "req");
    if (isOn) this.#enabled.add(kind);
    else this.#enabled.delete(kind);
  }

  /** See `BackendDevice.disableIrqs`. */
  disable(kind: IrqKind): void {
    if (this.#access.resetting) {
      this.#access.afterReset(() => this.disable(kind));
      return;
    }
    this.info(kind);
    if (!this.#enabled.delete(kind)) return;
    this.#fn.disableIrqs(kind);
    this.#forgetUnmasking(kind);
  }

  /** Disables every kind. */
  disableAll(): void {
    for (const kind of [...this.#enabled]) this.disable(kind);
  }

  mask(kind: IrqKind, start: number, count: number): void {
    this.#access.assertUsable();
    this.#fn.hosted.maskIrqs(kind, start, count);
  }

  /** See `BackendDevice.unmaskIrqs`. */
  unmask(kind: IrqKind, start: number, count: number): void {
    if (this.#access.resetting) {
      this.#access.afterReset(() => {
        if (this.#enabled.has(kind) && this.info(kind).maskable) this.unmask(kind, start, count);
      });
      return;
    }
    this.#access.assertUsable();
    this.#fn.hosted.unmaskIrqs(kind, start, count);
  }

  trigger(kind: IrqKind, start: number, count: number): void {
    this.#access.assertUsable();
    this.#fn.hosted.triggerIrqs(kind, start, count);
  }

  /** See `BackendDevice.setUnmaskTarget`. */
  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void {
    const info = this.info(kind);
    checkVector(info, vector);
    const own = target && emulatedTarget(target);
    if (!info.maskable || !this.#enabled.has(kind)) {
      throw new PciError("ERR_NOT_SUPPORTED", `${kind} cannot be unmasked by a target in its present state`, {
        hint: this.#enabled.has(kind) ? `${kind} is never masked` : `enable ${kind} first`,
      });
    }
    const key = `${kind} ${vector}`;
    const former = this.#unmasking.get(key);
    if (former !== undefined && own !== null) {
      throw new PciError("ERR_IRQ_BUSY", `another target unmasks ${kind} vector ${vector} already`, {
        hint: `take that one away first: setUnmaskTarget("${kind}", ${vector}, null)`,
      });
    }
    former?.onSignal(undefined);
    if (own === null) this.#unmasking.delete(key);
    else this.#unmasking.set(key, own);
    own?.onSignal(() => this.#unmaskByTarget(kind, vector));
  }

  /** A target may be signalled whatever state the device is in. */
  #unmaskByTarget(kind: IrqKind, vector: number): void {
    if (!this.#access.closed && !this.#fn.gone) this.unmask(kind, vector, 1);
  }

  #forgetUnmasking(kind: IrqKind): void {
    for (const [key, target] of [...this.#unmasking]) {
      if (!key.startsWith(`${kind} `)) continue;
      target.onSignal(undefined);
      this.#unmasking.delete(key);
    }
  }
}

function checkVector({ kind, count }: IrqInfo, vector: number): void {
  checkInteger("the vector", vector, 0, 0xffff);
  if (vector < count) return;
  throw new PciError("ERR_IRQ_COUNT", `${kind} has ${count} vectors, and none with number ${vector}`, {
    hint: count === 0 ? `the function has no ${kind}` : `use vectors 0 to ${count - 1}`,
    details: { available: count },
  });
}
