import { type IrqInfo, type IrqKind, type IrqTarget, PciError } from "@userpci/interface";
import type { IrqDevice } from "../device.ts";
import { TestTarget } from "./target.ts";

/** What a {@link TestDevice} has; counts not named are 0. */
export interface TestDeviceOptions extends Partial<Record<IrqKind, number>> {
  readonly resizable?: boolean;
}

/** A function that fires when the test says so, with the contract's rules for masking and exclusion. */
export class TestDevice implements IrqDevice {
  readonly address = "0000:00:04.0";
  /** Targets that were made and not closed. */
  readonly targets: TestTarget[] = [];
  /** Connected targets by kind and vector. */
  readonly connected = new Map<string, IrqTarget>();
  readonly enabled = new Set<IrqKind>();
  /** Vectors that are masked, as `kind/vector`. */
  readonly masked = new Set<string>();
  /** What unmasks the INTx line when it is signalled. */
  unmaskTarget: TestTarget | null = null;
  /** Whether the device still asserts its INTx line: until acknowledged it fires again when unmasked. */
  asserted = false;
  /** What the named call throws, as long as it is set. */
  readonly errors: { [call in "createIrqTarget" | "setIrqs" | "disableIrqs" | "unmaskIrqs"]?: Error } = {};
  /** How often `setIrqs` was called. */
  calls = 0;
  /** `setIrqs` throws after so many calls. */
  failAfter = Infinity;
  /** What `setIrqs` throws once, after so many calls. */
  refuse: { after: number; readonly with: Error } | undefined;
  readonly #options: TestDeviceOptions;

  constructor(options: TestDeviceOptions) {
    this.#options = options;
  }

  irqInfo(kind: IrqKind): IrqInfo {
    return {
      kind,
      count: this.#options[kind] ?? 0,
      maskable: kind === "intx",
      autoMasked: kind === "intx",
      resizable: kind === "msix" && (this.#options.resizable ?? false),
    };
  }

  createIrqTarget(): TestTarget {
    if (this.errors.createIrqTarget && this.targets.length > 0) throw this.errors.createIrqTarget;
    const target = new TestTarget();
    this.targets.push(target);
    return target;
  }

  setIrqs(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void {
    this.calls++;
    if (this.errors.setIrqs) throw this.errors.setIrqs;
    if (this.refuse !== undefined && this.refuse.after-- <= 0) {
      const { with: error } = this.refuse;
      this.refuse = undefined;
      throw error;
    }
    if (this.failAfter-- <= 0) {
      throw new PciError("ENOSPC", "no more vectors in the interrupt remapper", { hint: "ask for fewer" });
    }
    const exclusive: readonly IrqKind[] = ["intx", "msi", "msix"];
    const rivals = exclusive.includes(kind) ? exclusive.filter((each) => each !== kind) : [];
    const rival = rivals.find((each) => this.enabled.has(each));
    if (rival) throw new PciError("ERR_IRQ_BUSY", `the kernel has ${rival} enabled`);
    this.enabled.add(kind);
    targets.forEach((target, i) => {
      if (target === null) this.connected.delete(`${kind}/${start + i}`);
      else this.connected.set(`${kind}/${start + i}`, target);
    });
  }

  disableIrqs(kind: IrqKind): void {
    if (this.errors.disableIrqs) throw this.errors.disableIrqs;
    this.enabled.delete(kind);
    for (const key of [...this.connected.keys()]) if (key.startsWith(`${kind}/`)) this.connected.delete(key);
  }

  maskIrqs(kind: IrqKind, start: number): void {
    this.#checkEnabled(kind);
    this.masked.add(`${kind}/${start}`);
  }

  unmaskIrqs(kind: IrqKind, start: number): void {
    this.#checkEnabled(kind);
    if (this.errors.unmaskIrqs) throw this.errors.unmaskIrqs;
    this.masked.delete(`${kind}/${start}`);
    if (kind === "intx" && this.asserted) this.fire(kind, start);
  }

  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void {
    this.#checkEnabled(kind);
    if (this.unmaskTarget !== null && target !== null) throw new PciError("ERR_IRQ_BUSY", "another target");
    this.unmaskTarget?.onSignal(undefined);
    this.unmaskTarget = target as TestTarget | null;
    this.unmaskTarget?.onSignal(() => this.unmaskIrqs(kind, vector));
  }

  triggerIrqs(kind: IrqKind, start: number): void {
    this.#checkEnabled(kind);
    this.fire(kind, start);
  }

  /** Fires as the device does: nothing while masked, and INTx masks itself. */
  fire(kind: IrqKind, vector = 0, count = 1): void {
    const key = `${kind}/${vector}`;
    if (this.masked.has(key)) return;
    this.connected.get(key)?.signal(count);
    if (kind === "intx") this.masked.add(key);
  }

  /** Raises the INTx line until it is acknowledged. */
  raise(): void {
    this.asserted = true;
    this.fire("intx");
  }

  #checkEnabled(kind: IrqKind): void {
    if (!this.enabled.has(kind)) throw new PciError("ERR_INVALID_ARGUMENT", `${kind} is not enabled`);
  }
}
