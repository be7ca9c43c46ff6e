import {
  type BackendDevice,
  type DeviceFeatures,
  type DeviceInfo,
  type DomainAttachment,
  type FeatureOperation,
  type HotResetDependent,
  type IommuDomain,
  type IrqInfo,
  type IrqKind,
  type IrqTarget,
  irqKinds,
  type MemorySource,
  type OwnedRegion,
  type PciError,
  type Region,
  type RegionInfo,
  regionIndex,
} from "@userpci/interface";
import { RecordedMapping, RecordedRegion, type RegionTrace } from "./recorded-region.ts";
import { RecordedTarget } from "./recorded-target.ts";
import type { Recorder } from "./recorder.ts";
import type { Json, MemoryEvent, OpenedDevice } from "./trace-event.ts";
import { WatchedMemory } from "./watched-memory.ts";

/** A device of another backend, of which everything is noted. */
export class RecordedDevice implements BackendDevice {
  readonly inner: BackendDevice;
  readonly features?: DeviceFeatures;
  readonly #recorder: Recorder;
  readonly #number: number;
  readonly #memory: WatchedMemory;
  readonly #attachment: DomainAttachment;
  #targets = 0;

  /** @param compareMemory whether bytes of DMA memory that change are noted */
  constructor(inner: BackendDevice, recorder: Recorder, compareMemory: boolean) {
    this.inner = inner;
    this.#recorder = recorder;
    this.#number = recorder.nextDevice();
    const { address, backend, features } = inner;
    if (features !== undefined) this.features = features;
    recorder.note(this.#number, { kind: "open", address, backend, opened: openedDevice(inner) });
    this.#memory = new WatchedMemory((content) => recorder.note(this.#number, content), compareMemory);
    this.#attachment = inner.domain.attach(this.#memory, `the recording of ${address}`);
  }

  get address(): string {
    return this.inner.address;
  }

  get backend(): string {
    return this.inner.backend;
  }

  get info(): DeviceInfo {
    return this.inner.info;
  }

  get domain(): IommuDomain {
    return this.inner.domain;
  }

  get ownsDomain(): boolean {
    return this.inner.ownsDomain;
  }

  get memory(): MemorySource {
    return this.inner.memory;
  }

  get lost(): PciError | undefined {
    return this.inner.lost;
  }

  get closed(): boolean {
    return this.inner.closed;
  }

  regionInfo(index: number): RegionInfo {
    return this.inner.regionInfo(index);
  }

  region(index: number): Region {
    return new RecordedRegion(
      this.#call("region", [index], () => this.inner.region(index)),
      this.#trace(index, false),
    );
  }

  mapRegion(index: number): OwnedRegion {
    return new RecordedMapping(
      this.#call("mapRegion", [index], () => this.inner.mapRegion(index)),
      this.#trace(index, true),
    );
  }

  irqInfo(kind: IrqKind): IrqInfo {
    return this.inner.irqInfo(kind);
  }

  createIrqTarget(): IrqTarget {
    const inner = this.#call("createIrqTarget", [], () => this.inner.createIrqTarget());
    const trace = {
      recorder: this.#recorder,
      device: this.#number,
      noteMemory: () => this.#memory.noteChanges(),
    };
    return new RecordedTarget(inner, this.#targets++, trace);
  }

  setIrqs(kind: IrqKind, start: number, targets: readonly (IrqTarget | null)[]): void {
    const inner = targets.map((target) => innerOf(target));
    this.#call("setIrqs", [kind, start, targets.map(numberOf)], () => this.inner.setIrqs(kind, start, inner));
  }

  disableIrqs(kind: IrqKind): void {
    this.#call("disableIrqs", [kind], () => this.inner.disableIrqs(kind));
  }

  maskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#call("maskIrqs", [kind, start, count], () => this.inner.maskIrqs(kind, start, count));
  }

  unmaskIrqs(kind: IrqKind, start: number, count: number): void {
    this.#call("unmaskIrqs", [kind, start, count], () => this.inner.unmaskIrqs(kind, start, count));
  }

  setUnmaskTarget(kind: IrqKind, vector: number, target: IrqTarget | null): void {
    const inner = innerOf(target);
    this.#call("setUnmaskTarget", [kind, vector, numberOf(target)], () =>
      this.inner.setUnmaskTarget(kind, vector, inner),
    );
  }

  triggerIrqs(kind: IrqKind, start: number, count: number): void {
    this.#call("triggerIrqs", [kind, start, count], () => this.inner.triggerIrqs(kind, start, count));
  }

  reset(): Promise<void> {
    return this.#recorder.callAsync(this.#number, "reset", [], () => this.inner.reset());
  }

  resetSync(): void {
    this.#call("resetSync", [], () => this.inner.resetSync());
  }

  hotResetInfo(): readonly HotResetDependent[] {
    const plain = (found: readonly HotResetDependent[]): Json => found.map((each) => ({ ...each }));
    return this.#recorder.call(this.#number, "hotResetInfo", [], () => this.inner.hotResetInfo(), plain);
  }

  hotReset(): Promise<void> {
    return this.#recorder.callAsync(this.#number, "hotReset", [], () => this.inner.hotReset());
  }

  hotResetSync(): void {
    this.#call("hotResetSync", [], () => this.inner.hotResetSync());
  }

  feature(operation: FeatureOperation, index: number, data?: Uint8Array): number {
    const args = [operation, index, data ? Buffer.from(data).toString("hex") : null];
    const use = (): number => this.inner.feature(operation, index, data);
    const plain = (result: number): Json => [result, data ? Buffer.from(data).toString("hex") : null];
    return this.#recorder.call(this.#number, "feature", args, use, plain);
  }

  relax(): void {
    this.#call("relax", [], () => {
      this.inner.relax();
      this.#memory.noteChanges();
    });
  }

  close(): Promise<void> {
    if (this.inner.closed) return this.inner.close();
    this.#leave();
    return this.#recorder
      .callAsync(this.#number, "close", [], () => this.inner.close())
      .finally(() => this.#recorder.flush());
  }

  closeSync(): void {
    if (this.inner.closed) return;
    this.#leave();
    try {
      this.#call("closeSync", [], () => this.inner.closeSync());
    } finally {
      this.#recorder.flush();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  /** A domain closes only without devices, and is told of this one as of a device. */
  #leave(): void {
    this.#memory.noteChanges();
    this.#attachment.detach();
  }

  #call<T>(method: string, args: readonly Json[], run: () => T): T {
    // One that is closed refuses by itself.
    if (this.inner.closed) return run();
    return this.#recorder.call(this.#number, method, args, run);
  }

  #trace(region: number, mapped: boolean): RegionTrace {
    const noteMemory = (kind?: MemoryEvent["kind"]): void => this.#memory.noteChanges(kind);
    return { recorder: this.#recorder, device: this.#number, region, mapped, noteMemory };
  }
}

/** What the backend that is recorded knows as its own. */
function innerOf(target: IrqTarget | null): IrqTarget | null {
  return target instanceof RecordedTarget ? target.inner : target;
}

function numberOf(target: IrqTarget | null): Json {
  return target instanceof RecordedTarget ? target.number : null;
}

function openedDevice(device: BackendDevice): OpenedDevice {
  const { info, domain, features, ownsDomain } = device;
  const hex = (address: bigint): string => `0x${address.toString(16)}`;
  return {
    info,
    ...identity(device),
    regions: Array.from({ length: info.regions }, (_, index) => device.regionInfo(index)),
    irqs: irqKinds.map((kind) => device.irqInfo(kind)),
    features:
      features
        ?.list()
        .filter(({ supported }) => supported)
        .map(({ name }) => name) ?? [],
    ranges: domain.ranges.map(({ start, last }) => ({ start: hex(start), last: hex(last) })),
    pageSize: domain.pageSize,
    ownsDomain,
  };
}

/** What the device is, for who prints the recording; a backend without configuration space does not know. */
function identity(device: BackendDevice): Pick<OpenedDevice, "id" | "class"> {
  if (device.regionInfo(regionIndex.config).size < CLASS + 4) return {};
  const config = device.region(regionIndex.config);
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  // As PCI has them, sections 6.2.1 and 6.2.4; a virtual function's own say nothing, and the backend's do.
  const ids = [0, 2].map((at) => hex(config.read16(at), 4));
  return { id: ids.join(":"), class: hex(config.read32(CLASS) >>> 8, 6) };
}

/** Where the revision and the class are. */
const CLASS = 8;
