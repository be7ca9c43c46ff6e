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
  UnderWay,
} from "@userpci/interface";
import { AddressTable } from "./address-table.ts";
import { checkMapper, DeviceList, domainEmpty } from "./attachment.ts";
import { Budget } from "./budget.ts";
import { type DirtyHost, DomainDirtyLog } from "./domain-dirty-log.ts";
import { type DomainOptions, type DomainPlan, planDomain } from "./domain-options.ts";
import { Joiner, type JoinHost, type MappingPart } from "./join.ts";
import { MapperTable } from "./mapper-table.ts";
import { closedMeanwhile, Mapping, type MappingHost } from "./mapping.ts";
import { type MappingPlan, planMapping } from "./request.ts";
import { planReservation, Reservation } from "./reservation.ts";
import { shareOf } from "./share.ts";

/**
 * Makes an I/O address space without a device in it (row R3). Backends give it mappers as devices are opened into it. It
 * holds on to the memory under its mappings (row R14), and to every mapper until it closes: a container must keep its
 * groups.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for an option that is none
 */
export function createDomain(options: DomainOptions = {}): IommuDomain {
  return new Domain(planDomain(options));
}

class Domain implements IommuDomain, MappingHost, JoinHost, DirtyHost {
  readonly #name: string;
  readonly #table: AddressTable;
  readonly #mappers: MapperTable;
  readonly #budget: Budget;
  readonly #joiner = new Joiner(this);
  readonly #devices = new DeviceList();
  readonly dirty = new DomainDirtyLog(this);
  readonly #underWay = new UnderWay();
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor({ label, guard, history, allowed, shared, onMappingsLow }: DomainPlan) {
    this.#name = label === undefined ? "the domain" : `domain "${label}"`;
    this.#table = new AddressTable(guard, history);
    this.#mappers = new MapperTable(allowed);
    this.#budget = new Budget({
      read: () => this.#mappers.budget(this.#budget.used),
      onLow: onMappingsLow,
      shared,
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
    return this.#table.mappedBytes;
  }

  get budget(): MappingBudget {
    // A call under way is counted, but its mapper may not have it yet.
    if (!this.#closed && this.#underWay.size === 0) this.#budget.refresh();
    return { used: this.#budget.used, limit: this.#budget.limit };
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
    return this.#table.mappings();
  }

  find(iova: bigint): DmaMapping | undefined {
    this.checkOpen();
    return this.#table.find(iova);
  }

  mappingAt(iova: bigint): Mapping | undefined {
    return this.#table.mappingAt(iova);
  }

  visible(): Mapping[] {
    return this.#table.visible();
  }

  iovaOf(memory: DmaMemory, offset = 0): Iova | undefined {
    this.checkOpen();
    checkType("memory", memory, "object");
    checkInteger("offset", offset, 0, Number.MAX_SAFE_INTEGER);
    return this.#table.iovaOf(memory, offset);
  }

  explain(iova: bigint): IovaReport {
    this.checkOpen();
    return this.#table.explain(iova);
  }

  attach(mapper: DmaMapper, device: string): DomainAttachment {
    this.checkOpen();
    checkMapper(mapper);
    checkType("the name of a device", device, "string");
    this.#mappers.join(mapper, device, {
      name: this.#name,
      ranges: this.#table.ranges,
      setRanges: (ranges) => this.#table.setRanges(ranges),
      mappings: () => this.#table.all(),
      whileJoining: (joining, join) => {
        // What a mapper says of itself may be code, which has closed the domain.
        this.checkOpen();
        this.dirty.whileJoining(joining, join);
      },
    });
    this.#budget.refresh();
    return this.#devices.add(device, () => this.dirty.keep());
  }

  async map(memory: DmaMemory, options: MapOptions = {}): Promise<DmaMapping> {
    const part = options?.join ? await this.#joiner.map(this.#plan(memory, options)) : undefined;
    return part ?? this.mapWhole(this.#plan(memory, options));
  }

  mapSync(memory: DmaMemory, options: MapOptions = {}): DmaMapping {
    const joins = options?.join;
    const plan = this.#plan(memory, options);
    const part = joins ? this.#joiner.mapSync(plan) : undefined;
    return part ?? this.mapWholeSync(plan);
  }

  /** For {@link Joiner}. */
  async mapWhole(plan: MappingPlan): Promise<Mapping> {
    const mapping = this.#place(plan);
    await this.track(this.#enter(mapping));
    this.#table.entered(mapping);
    return mapping;
  }

  mapWholeSync(plan: MappingPlan): Mapping {
    const mapping = this.#place(plan);
    mapping.enterSync();
    this.#table.entered(mapping);
    return mapping;
  }

  reserve(size: number, options: ReserveOptions = {}): IovaReservation {
    this.#checkReady();
    const plan = planReservation(size, options, this.pageSize);
    // A property of the options may be code, which has closed the domain.
    this.checkOpen();
    const reservation = new Reservation(plan, (it) => this.#unreserve(it));
    this.#table.place(reservation, plan, this.pageSize);
    this.#budget.share();
    return reservation;
  }

  share(window: IovaReservation): DomainShare {
    this.#checkReady();
    const holds = (it: Reservation): boolean => this.#table.holds(it);
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
    for (const mapping of this.#table.visible().reverse()) {
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
    this.#table.left(mapping);
    this.#budget.give();
    mapping.memory.release?.();
  }

  refused(error: unknown): void {
    this.#budget.refused(error);
  }

  dropped(part: MappingPart): void {
    this.#table.dropped(part);
  }

  track<R>(work: Promise<R>): Promise<R> {
    return this.#underWay.track(work);
  }

  #plan(memory: DmaMemory, options: MapOptions): MappingPlan {
    this.#checkReady();
    return planMapping(memory, options, this.pageSize);
  }

  /** A mapping with its address, which no mapper has yet. */
  #place(plan: MappingPlan): Mapping {
    const mapping = new Mapping(this, plan);
    plan.memory.retain?.();
    let counted = false;
    try {
      this.#budget.take();
      counted = true;
      // What mappers, or properties of the options or of the memory, are asked may be code, which has closed the domain.
      this.checkOpen();
      this.#table.place(mapping, plan, this.pageSize);
    } catch (error) {
      if (counted) this.#budget.give();
      plan.memory.release?.();
      throw error;
    }
    return mapping;
  }

  #unreserve(reservation: Reservation): void {
    if (this.#closed) return;
    if (reservation.shared) this.#mappers.sweep(reservation);
    if (reservation.held) return;
    this.#table.free(reservation);
  }

  async #enter(mapping: Mapping): Promise<void> {
    await mapping.enter();
    if (!this.#closed) return;
    await mapping.unmap();
    throw closedMeanwhile(mapping, this.#name);
  }

  async #shutDown(): Promise<void> {
    await this.#underWay.idle();
    const failures = new Failures();
    for (const mapping of this.#table.visible().reverse()) await failures.tryAsync(() => mapping.unmap());
    this.#release(failures);
  }

  /** Gives the mappers up, which ends whatever could not be unmapped. */
  #release(failures: Failures): void {
    const unmapFailures = failures.errors.length;
    for (const mapper of this.#mappers.mappers.splice(0).reverse()) failures.try(() => mapper.close());
    if (failures.errors.length === unmapFailures)
      for (const mapping of this.#table.visible()) mapping.forget();
    failures.throwIfAny(`${this.#name} is closed, but`);
  }

  #checkReady(): void {
    this.checkOpen();
    if (this.mappers.length === 0) throw domainEmpty(this.#name);
  }

  checkOpen(): void {
    if (!this.#closed) return;
    throw new PciError("ERR_CLOSED", `${this.#name} is closed`, {
      hint: "map into another: createDomain(), or open the device again",
    });
  }
}
