import {
  checkVectorArray,
  checkVectors,
  formatValue,
  type IrqInfo,
  type IrqKind,
  irqKinds,
  PciError,
} from "@userpci/interface";
import type { VectorCounts } from "@userpci/pci-config";
import type { DeviceConfig } from "./device-config.ts";
import type { IrqSink } from "./hosted-function.ts";
import { IntxLine } from "./intx-line.ts";
import { fire } from "./irq-sink.ts";
import { MessageVectors } from "./message-vectors.ts";

/** Kinds of which the provider allows only one at a time (row R11). */
const exclusive = ["intx", "msi", "msix"] as const satisfies readonly IrqKind[];

/** One of the kinds that exclude each other. */
export type IrqMode = (typeof exclusive)[number];

const isMode = (kind: IrqKind): kind is IrqMode => (exclusive as readonly IrqKind[]).includes(kind);

/** What Linux's vfio-pci says of a kind that is there (`vfio_pci_ioctl_get_irq_info`, with vectors of MSI-X added live). */
const flags: Readonly<Record<IrqKind, Pick<IrqInfo, "maskable" | "autoMasked" | "resizable">>> = {
  intx: { maskable: true, autoMasked: true, resizable: true },
  msi: { maskable: false, autoMasked: false, resizable: false },
  msix: { maskable: false, autoMasked: false, resizable: true },
  err: { maskable: false, autoMasked: false, resizable: false },
  req: { maskable: false, autoMasked: false, resizable: false },
};

/** What interrupts a function has. */
export interface IrqControlOptions {
  readonly config: DeviceConfig;
  readonly vectors: VectorCounts;
  /** Whether it is on PCI Express, where errors are reported. */
  readonly reportsErrors: boolean;
}

/** The interrupts of a hosted function: what its user connects them to, and what the device sends (rows R10 and R11). */
export class IrqControl {
  readonly #counts: Readonly<Record<IrqKind, number>>;
  readonly #line: IntxLine;
  readonly #messages: Readonly<Record<"msi" | "msix", MessageVectors>>;
  readonly #single: Record<"err" | "req", IrqSink | null> = { err: null, req: null };
  #mode: IrqMode | undefined;

  constructor({ config, vectors, reportsErrors }: IrqControlOptions) {
    this.#counts = { ...vectors, err: reportsErrors ? 1 : 0, req: 1 };
    this.#line = new IntxLine(config);
    this.#messages = {
      msi: new MessageVectors("msi", vectors.msi, config),
      msix: new MessageVectors("msix", vectors.msix, config),
    };
  }

  /** What its user has enabled. */
  get mode(): IrqMode | undefined {
    return this.#mode;
  }

  /** Vectors enabled of that. */
  get vectors(): number {
    if (this.#mode === undefined) return 0;
    return this.#mode === "intx" ? 1 : this.#messages[this.#mode].enabled;
  }

  /** Vectors of MSI that its user has, for its virtual config space. */
  get msiVectors(): number {
    return this.#mode === "msi" ? this.#messages.msi.enabled : 0;
  }

  get line(): IntxLine {
    return this.#line;
  }

  /** The pending bits of MSI-X, as the device's own memory has them. */
  get pendingBits(): Uint8Array {
    return this.#messages.msix.pendingBits;
  }

  /** @throws PciError `ERR_INVALID_ARGUMENT` */
  info(kind: IrqKind): IrqInfo {
    if (!irqKinds.includes(kind)) {
      throw new PciError("ERR_INVALID_ARGUMENT", `no interrupt kind is called ${String(kind)}`, {
        hint: `one of ${irqKinds.join(", ")}`,
      });
    }
    const count = this.#counts[kind];
    const none = { maskable: false, autoMasked: false, resizable: false };
    return { kind, count, ...(count === 0 ? none : flags[kind]) };
  }

  /** See `BackendDevice.setIrqs`. */
  set(kind: IrqKind, start: number, sinks: readonly (IrqSink | null)[]): void {
    checkVectorArray("targets", sinks);
    checkVectors(this.info(kind), start, sinks.length);
    this.#requireExclusive(kind);
    for (const sink of sinks) checkSink(sink);
    if (!isMode(kind)) {
      this.#single[kind as "err" | "req"] = sinks[0]!;
      return;
    }
    if (kind === "intx") this.#line.connect(sinks[0]!);
    else this.#messages[kind].connect(start, sinks);
    this.#mode = kind;
    this.#line.enabled = kind === "intx";
  }

  /** Harmless if it is off. */
  disable(kind: IrqKind): void {
    this.info(kind);
    if (!isMode(kind)) {
      this.#single[kind as "err" | "req"] = null;
      return;
    }
    if (this.#mode !== kind) return;
    if (kind === "intx") this.#line.disconnect();
    else this.#messages[kind].disable();
    this.#mode = undefined;
    this.#line.enabled = false;
  }

  /** Disables all. */
  disableAll(): void {
    for (const kind of irqKinds) this.disable(kind);
  }

  mask(kind: IrqKind, start: number, count: number): void {
    this.#requireLine(kind, start, count, "mask");
    this.#line.mask();
  }

  unmask(kind: IrqKind, start: number, count: number): void {
    this.#requireLine(kind, start, count, "unmask");
    this.#line.unmask();
  }

  /** Loop-back, as the kernel's: nothing is masked by it, and nothing holds it back but Interrupt Disable. */
  trigger(kind: IrqKind, start: number, count: number): void {
    checkVectors(this.info(kind), start, count);
    if (!isMode(kind)) {
      const sink = this.#single[kind as "err" | "req"];
      if (sink === null) throw notNow(kind, "trigger");
      fire(sink);
      return;
    }
    if (this.#mode !== kind) throw notNow(kind, "trigger");
    if (kind === "intx") this.#line.trigger();
    else this.#messages[kind].trigger(start, count);
  }

  /** The device sends the message of a vector. */
  signal(vector: number): void {
    if (this.#mode === "msi" || this.#mode === "msix") this.#messages[this.#mode].signal(vector);
  }

  /** Reports an uncorrectable error, or that the system wants the device back. */
  report(kind: "err" | "req"): void {
    fire(this.#single[kind]);
  }

  /** Mask bits may have changed: what was held back goes out. */
  refresh(): void {
    this.#line.refresh();
    if (this.#mode === "msi" || this.#mode === "msix") this.#messages[this.#mode].refresh();
  }

  /** Holds everything back, as while the device is halted, or lets it go. */
  set held(held: boolean) {
    this.#line.held = held;
    this.#messages.msi.held = held;
    this.#messages.msix.held = held;
  }

  /** A reset drops what is pending; what its user has connected stays. */
  reset(): void {
    this.#line.assert(false);
    this.#messages.msi.drop();
    this.#messages.msix.drop();
  }

  /** Bits that are pending, for a saved state. */
  save(): { readonly asserted: boolean; readonly msi: Uint8Array; readonly msix: Uint8Array } {
    const { msi, msix } = this.#messages;
    return { asserted: this.#line.asserted, msi: msi.pendingBits, msix: msix.pendingBits };
  }

  /** Takes up {@link save}'s. */
  load(state: { readonly asserted: boolean; readonly msi: Uint8Array; readonly msix: Uint8Array }): void {
    this.#messages.msi.load(state.msi);
    this.#messages.msix.load(state.msix);
    this.#line.assert(state.asserted);
  }

  #requireExclusive(kind: IrqKind): void {
    if (!isMode(kind) || this.#mode === undefined || this.#mode === kind) return;
    throw new PciError("ERR_IRQ_BUSY", `${this.#mode} is enabled, so ${kind} cannot be`, {
      hint: `disable ${this.#mode} first`,
    });
  }

  #requireLine(kind: IrqKind, start: number, count: number, verb: string): void {
    checkVectors(this.info(kind), start, count);
    if (kind !== "intx" || this.#mode !== "intx") throw notNow(kind, verb);
  }
}

function notNow(kind: IrqKind, verb: string): PciError {
  const never = verb !== "trigger" && kind !== "intx";
  return new PciError("ERR_NOT_SUPPORTED", `${kind} cannot ${verb} in its present state`, {
    hint: never ? `there is no ${verb} for ${kind}` : `enable ${kind} first`,
  });
}

function checkSink(sink: IrqSink | null): void {
  if (sink === null) return;
  if (typeof sink !== "object" || typeof sink.signal !== "function") {
    throw new PciError("ERR_INVALID_ARGUMENT", `${formatValue(sink)} is no interrupt target`, {
      hint: "pass what device.createIrqTarget() gives, or null",
    });
  }
  if (sink.closed !== true) return;
  throw new PciError("ERR_CLOSED", "the interrupt target is closed", {
    hint: "make another one: device.createIrqTarget()",
  });
}
