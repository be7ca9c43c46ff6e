import {
  checkInteger,
  checkType,
  type DmaMapper,
  type DmaMapping,
  type DmaMemory,
  type DomainAttachment,
  type DomainShare,
  Failures,
  type IommuDomain,
  type Iova,
  type IovaRange,
  type IovaReport,
  type IovaReservation,
  type MapOptions,
  type MappingBudget,
  PciError,
  type PinBudget,
  type ReserveOptions,
} from "@userpci/interface";
import { IovaAllocator } from "./allocator.ts";
import { checkMapper, DeviceList } from "./attachment.ts";
import { Budget } from "./budget.ts";
import { type DirtyHost, DomainDirtyLog } from "./domain-dirty-log.ts";
import { allowedRanges, checkDomainOptions, type DomainOptions } from "./domain-options.ts";
import { explain } from "./explain.ts";
import { MappingHistory } from "./history.ts";
import { Joiner, type JoinHost, type MappingPart } from "./join.ts";
import { MapperTable } from "./mapper-table.ts";
import { describeMapping, Mapping, type MappingHost, nameMapping } from "./mapping.ts";
import { MemoryIndex } from "./memory-index.ts";
import { UNIT } from "./pages.ts";
import { chooseAddress } from "./placement.ts";
import { type MappingPlan, planMapping } from "./request.ts";
import { Reservation } from "./reservation.ts";
import { shareOf } from "./share.ts";
import { UnderWay } from "./under-way.ts";

/** How many mappings that were undone a domain remembers by default. */
const REMEMBERED = 256;

/**
 * Makes an I/O address space without a device in it (row R3). Backends give it mappers as devices are opened into it. It
 * holds on to the memory under its mappings (row R14), and to every mapper until it closes: a container must keep its
 * groups.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for an option that is none
 */
export function createDomain(options: DomainOptions = {}): IommuDomain {
  checkDomainOptions(options);
  return new Domain(options);
}

type Holder = Mapping | Reservation;

class Domain implements IommuDomain, MappingHost, JoinHost, DirtyHost {
  readonly #name: string;
  readonly #table: IovaAllocator<Holder>;
  readonly #mappers: MapperTable;
  readonly #budget: Budget;
  readonly #history: MappingHistory;
  readonly #index = new MemoryIndex();
  readonly #joiner = new Joiner(this);
  readonly #devices = new DeviceList();
  readonly dirty = new DomainDirtyLog(this);
  readonly #underWay = new UnderWay();
  #reservedBytes = 0;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: DomainOptions) {
    this.#name = options.label === undefined ? "the domain" : `domain "${options.label}"`;
    this.#table = new IovaAllocator<Holder>([], { guard: options.guard ?? 0, describe: nameHolder });
    this.#mappers = new MapperTable(allowedRanges(options));
    this.#history = new MappingHistory(options.history ?? REMEMBERED);
    this.#budget = new Budget({
      read: () => this.#mappers.budget(this.#budget.used),
      onLow: options.onMappingsLow,
    });
  }

  get mappers(): readonly DmaMapper[] {
    return this.#mappers.mappers;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get attached(): number {
    return this.#devices.count;
  }

  get pageSize(): number {
    return this.#mappers.pageSize;
  }

  get mappedBytes(): number {
    return this.#table.allocatedBytes - this.#reservedBytes;
  }

  get budget(): MappingBudget {
    const { used, limit } = this.#budget;
    return { used, limit };
  }

  pins(): readonly PinBudget[] {
    this.checkOpen();
    return this.mappers.flatMap((mapper) => mapper.pins?.() ?? []);
  }

  get ranges(): readonly IovaRange[] {
    this.checkOpen();
    return this.#table.ranges;
  }

  mappings(): Iterable<DmaMapping> {
    this.checkOpen();
    return this.visible().flatMap((mapping): DmaMapping[] =>
      mapping.joined === undefined ? [mapping] : [...mapping.joined.parts()],
    );
  }

  find(iova: bigint): DmaMapping | undefined {
    this.checkOpen();
    const mapping = this.mappingAt(iova);
    if (mapping?.joined === undefined) return mapping;
    return mapping.joined.find(mapping.offset + Number(iova - mapping.iova));
  }

  mappingAt(iova: bigint): Mapping | undefined {
    const holder = this.#table.find(iova)?.owner;
    return holder instanceof Mapping && holder.visible ? holder : undefined;
  }

  visible(): Mapping[] {
    return this.#all().filter((mapping) => mapping.visible);
  }

  iovaOf(memory: DmaMemory, offset = 0): Iova | undefined {
    this.checkOpen();
    checkInteger("offset", offset, 0, Number.MAX_SAFE_INTEGER);
    return this.#index.iovaOf(memory, offset, () => this.visible());
  }

  explain(iova: bigint): IovaReport {
    this.checkOpen();
    checkType("iova", iova, "bigint");
    return explain(iova, { table: this.#table, history: this.#history });
  }

  attach(mapper: DmaMapper, device: string): DomainAttachment {
    this.checkOpen();
    checkMapper(mapper);
    checkType("the name of a device", device, "string");
    this.#mappers.join(mapper, device, {
      name: this.#name,
      ranges: this.#table.ranges,
      setRanges: (ranges) => this.#table.setRanges(ranges),
      mappings: () => this.#all(),
      whileJoining: (joining, join) => this.dirty.whileJoining(joining, join),
    });
    this.#budget.refresh();
    return this.#devices.add(device, () => this.dirty.keep());
  }

  async map(memory: DmaMemory, options: MapOptions = {}): Promise<DmaMapping> {
    const part = options?.join ? await this.#joiner.map(this.#plan(memory, options), options) : undefined;
    return part ?? this.#map(this.#plan(memory, options), options);
  }

  mapSync(memory: DmaMemory, options: MapOptions = {}): DmaMapping {
    const plan = this.#plan(memory, options);
    const part = options.join ? this.#joiner.mapSync(plan, options) : undefined;
    return part ?? this.#mapSync(plan, options);
  }

  mapWhole(memory: DmaMemory, options: MapOptions): Promise<Mapping> {
    return this.#map(this.#plan(memory, options), options);
  }

  mapWholeSync(memory: DmaMemory, options: MapOptions): Mapping {
    return this.#mapSync(this.#plan(memory, options), options);
  }

  reserve(size: number, options: ReserveOptions = {}): IovaReservation {
    this.#checkReady();
    checkType("options", options, "object");
    for (const name of ["label", "owner"] as const) {
      if (options[name] !== undefined) checkType(name, options[name], "string");
    }
    const rounded = Math.ceil(checkInteger("size", size, 1, 2 ** 52) / this.pageSize) * this.pageSize;
    const reservation = new Reservation(rounded, options, (it) => this.#unreserve(it));
    const shape = { size: rounded, offset: 0, memory: { pageSize: UNIT } };
    reservation.place(chooseAddress(this.#table, reservation, shape, this.pageSize, options));
    this.#reservedBytes += rounded;
    return reservation;
  }

  share(window: IovaReservation): DomainShare {
    this.#checkReady();
    const holds = (it: Reservation): boolean => !it.closed && this.#table.find(it.iova)?.owner === it;
    return shareOf(window, { pageSize: this.pageSize, mappers: this.mappers, holds });
  }

  async close(): Promise<void> {
    if (this.#closed) return this.#closing;
    this.#devices.assertNone(this.#name);
    this.#closed = true;
    this.#closing = this.#shutDown();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    this.#devices.assertNone(this.#name);
    this.#closed = true;
    const failures = new Failures();
    for (const mapping of this.visible().reverse()) {
      if (!mapping.leaving) failures.try(() => mapping.unmapSync());
    }
    // Calls on other threads are still using the mappers: the last to end gives them up.
    if (this.#underWay.size > 0) {
      this.#closing = this.#underWay.idle().then(() => this.#release(failures));
      // Whoever calls close() is told, if anybody does.
      this.#closing.catch(() => undefined);
      failures.throwIfAny(`${this.#name} is closed, but`);
    } else this.#release(failures);
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  gone(mapping: Mapping): void {
    this.#table.free(mapping.iova);
    this.#budget.give();
    this.#index.remove(mapping);
    if (mapping.joined === undefined) this.#history.add(mapping);
    mapping.memory.release?.();
  }

  dropped(part: MappingPart): void {
    this.#history.add(part);
  }

  track<R>(work: Promise<R>): Promise<R> {
    return this.#underWay.track(work);
  }

  #plan(memory: DmaMemory, options: MapOptions): MappingPlan {
    this.#checkReady();
    return planMapping(memory, options, this.pageSize);
  }

  async #map(plan: MappingPlan, options: MapOptions): Promise<Mapping> {
    const mapping = this.#place(plan, options);
    await this.track(this.#enter(mapping));
    this.#index.add(mapping);
    return mapping;
  }

  #mapSync(plan: MappingPlan, options: MapOptions): Mapping {
    const mapping = this.#place(plan, options);
    mapping.enterSync();
    this.#index.add(mapping);
    return mapping;
  }

  /** A mapping with its address, which no mapper has yet. */
  #place(plan: MappingPlan, options: MapOptions): Mapping {
    const mapping = new Mapping(this, plan);
    this.#budget.take();
    try {
      mapping.place(chooseAddress(this.#table, mapping, plan, this.pageSize, options));
    } catch (error) {
      this.#budget.give();
      throw error;
    }
    plan.memory.retain?.();
    return mapping;
  }

  #unreserve(reservation: Reservation): void {
    if (this.#closed) return;
    if (reservation.shared) this.#mappers.sweep(reservation);
    if (reservation.held) return;
    this.#table.free(reservation.iova);
    this.#reservedBytes -= reservation.size;
  }

  async #enter(mapping: Mapping): Promise<void> {
    await mapping.enter();
    if (!this.#closed) return;
    await mapping.unmap();
    throw new PciError(
      "ERR_CLOSED",
      `${this.#name} was closed while ${describeMapping(mapping)} was being made`,
    );
  }

  async #shutDown(): Promise<void> {
    await this.#underWay.idle();
    const failures = new Failures();
    for (const mapping of this.visible().reverse()) await failures.tryAsync(() => mapping.unmap());
    this.#release(failures);
  }

  /** Gives the mappers up, which ends whatever could not be unmapped. */
  #release(failures: Failures): void {
    const unmapFailures = failures.errors.length;
    for (const mapper of this.#mappers.mappers.splice(0).reverse()) failures.try(() => mapper.close());
    if (failures.errors.length === unmapFailures) for (const mapping of this.visible()) mapping.forget();
    failures.throwIfAny(`${this.#name} is closed, but`);
  }

  /** A copy, so that the table may change while it is walked. */
  #all(): Mapping[] {
    const holders = Array.from(this.#table, ({ owner }) => owner);
    return holders.filter((holder) => holder instanceof Mapping);
  }

  #checkReady(): void {
    this.checkOpen();
    if (this.mappers.length > 0) return;
    throw new PciError("ERR_DOMAIN_EMPTY", `${this.#name} has had no device attached yet`, {
      hint: "open a device into the domain before mapping memory",
    });
  }

  checkOpen(): void {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#name} is closed`);
  }
}

function nameHolder(holder: Holder): string {
  if (holder instanceof Mapping) return nameMapping(holder);
  return holder.label === undefined ? "a reserved range" : `"${holder.label}", reserved`;
}
