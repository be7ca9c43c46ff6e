import {
  type BackendDevice,
  checkInteger,
  type DeviceFeatures,
  type DeviceInfo,
  type DomainAttachment,
  deviceFeatures,
  type FeatureOperation,
  type HotResetDependent,
  type IommuDomain,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  type MemorySource,
  type OwnedRegion,
  PciError,
  type Region,
  type RegionInfo,
} from "@userpci/interface";
import type { ReplayCursor } from "./replay-cursor.ts";
import { ReplayMapper } from "./replay-mapper.ts";
import { ReplayRegion } from "./replay-region.ts";
import { ReplayTarget } from "./replay-target.ts";
import type { Json, MemoryEvent, OpenEvent } from "./trace-event.ts";

/** What a replayed device is made of. */
export interface ReplayParts {
  readonly cursor: ReplayCursor;
  readonly opening: OpenEvent;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly memory: MemorySource;
}

/** A device that does what a recording says, to a driver that does what it did then. */
export class ReplayDevice implements BackendDevice {
  readonly features: DeviceFeatures;
  readonly domain: IommuDomain;
  readonly ownsDomain: boolean;
  readonly memory: MemorySource;
  readonly #cursor: ReplayCursor;
  readonly #number: number;
  readonly #opening: OpenEvent;
  readonly #mapper: ReplayMapper;
  readonly #attachment: DomainAttachment;
  readonly #targets: ReplayTarget[] = [];
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor({ cursor, opening, domain, ownsDomain, memory }: ReplayParts) {
    this.#cursor = cursor;
    this.#number = cursor.devices;
    this.#opening = opening;
    this.domain = domain;
    this.ownsDomain = ownsDomain;
    this.memory = memory;
    const { opened, address } = opening;
    this.features = deviceFeatures(address, (name) => opened.features.includes(name));
    this.#mapper = new ReplayMapper(cursor, this.#number, opened);
    cursor.add({
      write: (event: MemoryEvent) => this.#mapper.write(event),
      target: (number) => this.#targets[number],
    });
    this.#attachment = domain.attach(this.#mapper, address);
  }

  get address(): string {
    return this.#opening.address;
  }

  get backend(): string {
    return this.#opening.backend;
  }

  get info(): DeviceInfo {
    return this.#opening.opened.info;
  }

  get closed(): boolean {
    return this.#closed;
  }

  regionInfo(index: number): RegionInfo {
    this.#assertOpen();
    const { regions } = this.#opening.opened;
    return regions[checkInteger("the region's index", index, 0, regions.length - 1)]!;
  }

  region(index: number): Region {
    return this.#region("region", index, false);
  }

  mapRegion(index: number): OwnedRegion {
    return this.#region("mapRegion", index, true);
  }

  irqInfo(kind: IrqKind): IrqInfo {
    this.#assertOpen();
    const found = this.#opening.opened.irqs.find((info) => info.kind === kind);
    if (found !== undefined) return found;
    throw new PciError("ERR_INVALID_ARGUMENT", `there is no kind of interrupt called ${String(kind)}`, {
      hint: `one of ${this.#opening.opened.irqs.map((info) => info.kind).join(", ")}`,
    });
  }

  createIrqTarget(): IrqTarget {
    this.#call("createIrqTarget", []);
    const target = new ReplayTarget(this.#cursor, this.#number, this.#targets.length);
    this.#targets.push(target);
    return target;
  }

  setIrqs(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void {
    this.#call("setIrqs", [kind, start, targets.map(numberOf)]);
  }

  disableIrqs(kind: IrqKind): void {
    this.#call("disableIrqs", [kind]);
  }

  maskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#call("maskIrqs", [kind, start, count]);
  }

  unmaskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#call("unmaskIrqs", [kind, start, count]);
  }

  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void {
    this.#call("setUnmaskTarget", [kind, vector, numberOf(target)]);
  }

  triggerIrqs(kind: IrqKind, start: number, count: number): void {
    this.#call("triggerIrqs", [kind, start, count]);
  }

  reset(): Promise<void> {
    return this.#cursor.callAsync(this.#number, "reset", []);
  }

  resetSync(): void {
    this.#call("resetSync", []);
  }

  hotResetInfo(): readonly HotResetDependent[] {
    return this.#call("hotResetInfo", []) as unknown as readonly HotResetDependent[];
  }

  hotReset(): Promise<void> {
    return this.#cursor.callAsync(this.#number, "hotReset", []);
  }

  hotResetSync(): void {
    this.#call("hotResetSync", []);
  }

  feature(operation: FeatureOperation, index: number, data?: Uint8Array): number {
    const given = data ? Buffer.from(data).toString("hex") : null;
    const [result, bytes] = this.#call("feature", [operation, index, given]) as [number, string | null];
    if (bytes !== null) data?.set(Buffer.from(bytes, "hex").subarray(0, data.length));
    if (result === 0) return 0;
    throw new PciError(
      "ERR_NOT_SUPPORTED",
      `feature ${index} opened a descriptor, which a recording does not have`,
      {
        hint: "replay what uses no such feature",
      },
    );
  }

  relax(): void {
    if (!this.#closed) this.#cursor.relax(this.#number);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes it without a look at the recording: a replay that has failed, or is given up, still gives back what it has. */
  abandon(): void {
    if (this.#closed) return;
    this.#end();
    this.#mapper.abandon();
    this.#attachment.detach();
    if (this.ownsDomain) this.domain.closeSync();
  }

  closeSync(): void {
    if (this.#closed) return;
    if (this.#cursor.failed) {
      this.abandon();
      return;
    }
    const refusal = this.#cursor.refusal(this.#number, "closeSync", []);
    if (refusal !== undefined) throw refusal;
    this.#attachment.detach();
    // The call is noted when it has ended, after what it unmapped.
    if (this.ownsDomain) this.domain.closeSync();
    this.#call("closeSync", []);
    this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    if (this.#cursor.failed) return this.abandon();
    try {
      const settled = this.#cursor.callAsync(this.#number, "close", []);
      await this.#cursor.untilUnmapping();
      this.#attachment.detach();
      if (this.ownsDomain) await this.domain.close();
      await settled;
      this.#end();
    } finally {
      this.#closing = undefined;
    }
  }

  #region(method: string, index: number, mapped: boolean): ReplayRegion {
    this.#call(method, [index]);
    const { size } = this.regionInfo(index);
    return new ReplayRegion(this.#cursor, { device: this.#number, region: index, mapped, size });
  }

  #call(method: string, args: readonly Json[]): Json | undefined {
    this.#assertOpen();
    return this.#cursor.call(this.#number, method, args);
  }

  /** Nothing comes to it any more. */
  #end(): void {
    this.#closed = true;
    for (const target of this.#targets) target.close();
  }

  #assertOpen(): void {
    if (this.#closed)
      throw new PciError("ERR_CLOSED", `${this.address} is closed`, { hint: "open it again" });
  }
}

function numberOf(target: IrqTarget | null): Json {
  return target instanceof ReplayTarget ? target.number : null;
}
