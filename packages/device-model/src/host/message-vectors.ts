import { PciError } from "@userpci/interface";
import { standardCapabilities } from "@userpci/pci-config";
import type { DeviceConfig } from "./device-config.ts";
import type { IrqSink } from "./hosted-function.ts";
import { fire } from "./irq-sink.ts";

const { control: msiControl } = standardCapabilities.msi.registers;
const { control: msixControl } = standardCapabilities.msix.registers;

/** The vectors of MSI or MSI-X: connected, masked, pending. */
export class MessageVectors {
  /** A bit a vector, in whole words of 64, as in the pending bit array (section 7.7.2.10). */
  readonly pendingBits: Uint8Array<ArrayBuffer>;
  readonly #kind: "msi" | "msix";
  readonly #config: DeviceConfig;
  #sinks: (IrqSink | null)[] = [];
  #isHeld = false;

  /** @param count vectors that the function has */
  constructor(kind: "msi" | "msix", count: number, config: DeviceConfig) {
    this.#kind = kind;
    this.#config = config;
    this.pendingBits = new Uint8Array(Math.ceil(count / 64) * 8);
  }

  /** Vectors that are enabled. */
  get enabled(): number {
    return this.#sinks.length;
  }

  set held(held: boolean) {
    this.#isHeld = held;
    this.refresh();
  }

  /** @throws PciError `ERR_NOT_SUPPORTED` for vectors of MSI that are added live */
  connect(start: number, sinks: readonly (IrqSink | null)[]): void {
    const { enabled } = this;
    const end = start + sinks.length;
    if (this.#kind === "msi" && enabled > 0 && end > enabled) {
      throw new PciError("ERR_NOT_SUPPORTED", `msi vectors ${start} to ${end - 1} cannot be added live`, {
        hint: "disable the kind and enable all vectors at once",
      });
    }
    while (this.#sinks.length < end) this.#sinks.push(null);
    this.#sinks.splice(start, sinks.length, ...sinks);
    this.#showControl();
    this.refresh();
  }

  disable(): void {
    this.#sinks = [];
    this.drop();
    this.#showControl();
  }

  /** The device sends a message: it is lost without bus mastering, and while the vector is not enabled. */
  signal(vector: number): void {
    if (!(vector >= 0 && vector < this.enabled) || !this.#config.busMaster) return;
    if (this.#isHeld || this.#isMasked(vector)) this.#setPending(vector, true);
    else fire(this.#sinks[vector]);
  }

  /** Loop-back. */
  trigger(start: number, count: number): void {
    for (let vector = start; vector < start + count; vector++) fire(this.#sinks[vector]);
  }

  /** Sends what is pending and no longer masked. */
  refresh(): void {
    if (this.#isHeld || !this.pendingBits.some((bits) => bits !== 0)) return;
    for (let vector = 0; vector < this.enabled; vector++) {
      if (!this.#isPending(vector) || this.#isMasked(vector)) continue;
      this.#setPending(vector, false);
      fire(this.#sinks[vector]);
    }
  }

  /** Forgets what is pending. */
  drop(): void {
    this.load(new Uint8Array(this.pendingBits.length));
  }

  /** Takes up pending bits. @param bits as long as {@link pendingBits} */
  load(bits: Uint8Array): void {
    this.pendingBits.set(bits);
    this.#showPending();
  }

  /** MSI-X: one that is enabled and not connected is masked in the table. MSI: by its mask bits, if it has them. */
  #isMasked(vector: number): boolean {
    if (this.#kind === "msix") return this.#sinks[vector] === null;
    const mask = this.#config.own.find("msi")?.mask;
    return mask !== undefined && ((mask >>> vector) & 1) !== 0;
  }

  #isPending(vector: number): boolean {
    return (this.pendingBits[vector >> 3]! & (1 << (vector & 7))) !== 0;
  }

  #setPending(vector: number, pending: boolean): void {
    const bit = 1 << (vector & 7);
    const before = this.pendingBits[vector >> 3]!;
    this.pendingBits[vector >> 3] = pending ? before | bit : before & ~bit;
    this.#showPending();
  }

  /** Pending bits of MSI are in config space; those of MSI-X in a BAR. */
  #showPending(): void {
    if (this.#kind !== "msi") return;
    const msi = this.#config.own.find("msi");
    if (msi?.pending === undefined) return;
    const place = msi.offset + standardCapabilities.msi.registers.pending.offset;
    const bits = new DataView(this.pendingBits.buffer).getUint32(0, true);
    this.#config.own.region.write32(place + (msi.control.address64 ? 4 : 0), bits);
  }

  /** Enable, and for MSI how many, as the kernel programs the device. */
  #showControl(): void {
    const capability = this.#config.own.find(this.#kind);
    if (capability === undefined) return;
    const { region } = this.#config.own;
    const { offset } = capability;
    const { enabled } = this;
    if (this.#kind === "msix") {
      const place = offset + msixControl.offset;
      const bit = 1 << msixControl.fields.enable.lo;
      region.write16(place, enabled > 0 ? region.read16(place) | bit : region.read16(place) & ~bit);
      return;
    }
    const place = offset + msiControl.offset;
    const { enable, multipleEnable } = msiControl.fields;
    const others = region.read16(place) & ~((1 << enable.lo) | (7 << multipleEnable.lo));
    const log2 = Math.ceil(Math.log2(Math.max(1, enabled)));
    region.write16(place, others | (enabled > 0 ? (1 << enable.lo) | (log2 << multipleEnable.lo) : 0));
  }
}
