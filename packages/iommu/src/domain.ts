import {
  checkType,
  type DmaMapper,
  type DmaMapping,
  type DmaMemory,
  type DomainAttachment,
  Failures,
  type IommuDomain,
  type Iova,
  type IovaRange,
  type MapOptions,
  type MapperLimits,
  PciError,
} from "@userpci/interface";
import { IovaAllocator } from "./allocator.ts";
import { checkMapper, joinError, noCommonRange } from "./attachment.ts";
import { describeMapping, Mapping, type MappingHost, nameMapping } from "./mapping.ts";
import { hex, LARGE_PAGE, UNIT } from "./pages.ts";
import { intersectRanges } from "./ranges.ts";
import { type MappingPlan, planMapping } from "./request.ts";

/** How {@link createDomain} may be asked. */
export interface DomainOptions {
  /** Name for messages. Default: none. */
  readonly label?: string;
  /** Bytes to leave unmapped on both sides of each mapping whose address is chosen. Default 0. */
  readonly guard?: number;
}

/**
 * Makes an I/O address space without a device in it (row R3). Backends give it mappers as devices are opened into it. It
 * holds on to the memory under its mappings (row R14), and to every mapper until it closes: a container must keep its
 * groups.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for a guard that is no size
 */
export function createDomain(options: DomainOptions = {}): IommuDomain {
  checkType("options", options, "object");
  if (options.label !== undefined) checkType("label", options.label, "string");
  return new Domain(options);
}

class Domain implements IommuDomain, MappingHost {
  readonly mappers: DmaMapper[] = [];
  readonly #name: string;
  readonly #table: IovaAllocator<Mapping>;
  readonly #limits = new Map<DmaMapper, MapperLimits>();
  readonly #devices: string[] = [];
  readonly #underWay = new Set<Promise<unknown>>();
  #pageSize = UNIT;
  #closed = false;
  #closing: Promise<void> | undefined;

  constructor(options: DomainOptions) {
    this.#name = options.label === undefined ? "the domain" : `domain "${options.label}"`;
    this.#table = new IovaAllocator<Mapping>([], { guard: options.guard ?? 0, describe: nameMapping });
  }

  get closed(): boolean {
    return this.#closed;
  }

  get attached(): number {
    return this.#devices.length;
  }

  get pageSize(): number {
    return this.#pageSize;
  }

  get mappedBytes(): number {
    return this.#table.allocatedBytes;
  }

  get ranges(): readonly IovaRange[] {
    this.#checkOpen();
    return this.#table.ranges;
  }

  mappings(): Iterable<DmaMapping> {
    this.#checkOpen();
    return this.#visible();
  }

  find(iova: bigint): DmaMapping | undefined {
    this.#checkOpen();
    const mapping = this.#table.find(iova)?.owner;
    return mapping?.visible ? mapping : undefined;
  }

  attach(mapper: DmaMapper, device: string): DomainAttachment {
    this.#checkOpen();
    checkMapper(mapper);
    checkType("the name of a device", device, "string");
    this.#join(mapper, device);
    this.#devices.push(device);
    let attached = true;
    return {
      detach: () => {
        if (!attached) return;
        attached = false;
        this.#devices.splice(this.#devices.indexOf(device), 1);
      },
    };
  }

  async map(memory: DmaMemory, options: MapOptions = {}): Promise<DmaMapping> {
    const mapping = this.#reserve(memory, options);
    await this.track(this.#enter(mapping));
    return mapping;
  }

  mapSync(memory: DmaMemory, options: MapOptions = {}): DmaMapping {
    const mapping = this.#reserve(memory, options);
    mapping.enterSync();
    return mapping;
  }

  async close(): Promise<void> {
    if (this.#closed) return this.#closing;
    this.#checkUnused();
    this.#closed = true;
    this.#closing = this.#shutDown();
    return this.#closing;
  }

  closeSync(): void {
    if (this.#closed) return;
    this.#checkUnused();
    this.#closed = true;
    const failures = new Failures();
    for (const mapping of this.#visible().reverse()) {
      if (!mapping.leaving) failures.try(() => mapping.unmapSync());
    }
    // Calls on other threads are still using the mappers: the last to end gives them up.
    if (this.#underWay.size === 0) this.#release(failures);
    else this.#closing = this.#idle().then(() => this.#release(failures));
  }

  [Symbol.dispose](): void {
    this.closeSync();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  gone(mapping: Mapping): void {
    this.#table.free(mapping.iova);
    mapping.memory.release?.();
  }

  track<R>(work: Promise<R>): Promise<R> {
    const settled: Promise<unknown> = work.then(
      () => this.#underWay.delete(settled),
      () => this.#underWay.delete(settled),
    );
    this.#underWay.add(settled);
    return work;
  }

  #join(mapper: DmaMapper, device: string): void {
    const limits = mapper.limits();
    const all = [...new Map(this.#limits).set(mapper, limits).values()];
    const ranges = all.map((each) => each.ranges).reduce(intersectRanges);
    const pageSize = Math.max(UNIT, ...all.map((each) => each.pageSize));
    const before = this.#table.ranges;
    try {
      this.#checkPageSize(pageSize);
      if (ranges.length === 0) throw noCommonRange(this.#table.ranges, limits.ranges);
      this.#table.setRanges(ranges);
      if (!this.#limits.has(mapper)) this.#replay(mapper);
    } catch (error) {
      this.#table.setRanges(before);
      throw joinError(device, this.#name, error);
    }
    this.#limits.set(mapper, limits);
    this.#pageSize = pageSize;
  }

  /** Puts the live mappings into a mapper that is new, or none of them. */
  #replay(mapper: DmaMapper): void {
    const live = this.#visible().filter((mapping) => mapping.live);
    const done: Mapping[] = [];
    try {
      for (const mapping of live) {
        mapper.mapSync(mapping);
        done.push(mapping);
      }
    } catch (error) {
      const failures = new Failures();
      failures.try(() => {
        throw error;
      });
      for (const mapping of done.reverse()) {
        failures.try(() => mapper.unmapSync(mapping.iova, mapping.size));
      }
      failures.throwIfAny(`${mapper.name} refused a mapping:`);
    }
    this.mappers.push(mapper);
    for (const mapping of live) mapping.replayed();
  }

  #reserve(memory: DmaMemory, options: MapOptions): Mapping {
    this.#checkOpen();
    if (this.mappers.length === 0) {
      throw new PciError("ERR_DOMAIN_EMPTY", `${this.#name} has had no device attached yet`, {
        hint: "open a device into the domain before mapping memory",
      });
    }
    const plan = planMapping(memory, options, this.#pageSize);
    const mapping = new Mapping(this, plan);
    mapping.place(this.#choose(mapping, plan, options));
    memory.retain?.();
    return mapping;
  }

  /** The address of a mapping, marked as taken. */
  #choose(mapping: Mapping, plan: MappingPlan, options: MapOptions): Iova {
    const { addressBits = 64, iova } = options;
    const alignment = Math.max(options.alignment ?? UNIT, this.#pageSize);
    if (iova !== undefined) return this.#table.place(iova, plan.size, mapping, { addressBits, alignment });
    const large = Math.max(LARGE_PAGE, plan.memory.pageSize);
    const preferred = options.alignment === undefined && plan.size >= large ? large : alignment;
    return this.#table.alloc(plan.size, mapping, { addressBits, alignment, preferredAlignment: preferred });
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
    await this.#idle();
    const failures = new Failures();
    for (const mapping of this.#visible().reverse()) await failures.tryAsync(() => mapping.unmap());
    this.#release(failures);
  }

  async #idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
  }

  /** Gives the mappers up, which ends whatever could not be unmapped. */
  #release(failures: Failures): void {
    const unmapFailures = failures.errors.length;
    for (const mapper of this.mappers.splice(0).reverse()) failures.try(() => mapper.close());
    if (failures.errors.length === unmapFailures) for (const mapping of this.#visible()) mapping.forget();
    failures.throwIfAny(`${this.#name} is closed, but`);
  }

  /** A copy, so that the table may change while it is walked. */
  #visible(): Mapping[] {
    return Array.from(this.#table, ({ owner }) => owner).filter((mapping) => mapping.visible);
  }

  #checkOpen(): void {
    if (this.#closed) throw new PciError("ERR_CLOSED", `${this.#name} is closed`);
  }

  #checkUnused(): void {
    if (this.#devices.length === 0) return;
    throw new PciError(
      "ERR_DOMAIN_IN_USE",
      `${this.#name} still has ${this.#devices.length} devices attached: ${this.#devices.join(", ")}`,
      { hint: "close the devices first, then the domain" },
    );
  }

  #checkPageSize(pageSize: number): void {
    for (const { owner } of this.#table) {
      if (
        owner.size % pageSize === 0 &&
        owner.offset % pageSize === 0 &&
        owner.iova % BigInt(pageSize) === 0n
      ) {
        continue;
      }
      throw new PciError(
        "ERR_MISALIGNED",
        `${describeMapping(owner)} does not consist of pages of ${hex(pageSize)} bytes`,
      );
    }
  }
}
