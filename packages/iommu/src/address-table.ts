import {
  checkType,
  type DmaMapping,
  type DmaMemory,
  type Iova,
  type IovaRange,
  type IovaReport,
} from "@userpci/interface";
import { IovaAllocator } from "./allocator.ts";
import { explain } from "./explain.ts";
import { type Mapped, MappingHistory } from "./history.ts";
import { Mapping, nameMapping } from "./mapping.ts";
import { MemoryIndex } from "./memory-index.ts";
import { chooseAddress, type Shape } from "./placement.ts";
import { Reservation } from "./reservation.ts";

type Holder = Mapping | Reservation;

/** Who has which addresses of a domain, mappings and reservations, and who had them. */
export class AddressTable {
  readonly #holders: IovaAllocator<Holder>;
  readonly #index = new MemoryIndex();
  readonly #history: MappingHistory;
  #reservedBytes = 0;

  /**
   * @param guard bytes to leave free on both sides of what is placed
   * @param history how many mappings that were undone are remembered
   */
  constructor(guard: number, history: number) {
    this.#holders = new IovaAllocator<Holder>([], { guard, describe: nameHolder });
    this.#history = new MappingHistory(history);
  }

  get ranges(): readonly IovaRange[] {
    return this.#holders.ranges;
  }

  /** @throws PciError `ERR_IOVA_RANGE` if something would be outside; nothing changes then */
  setRanges(ranges: readonly IovaRange[]): void {
    this.#holders.setRanges(ranges);
  }

  /** Bytes of all mappings, those included that are being made or undone. */
  get mappedBytes(): number {
    return this.#holders.allocatedBytes - this.#reservedBytes;
  }

  /** Gives a holder an address. @param unit smallest page of the domain, in bytes. @throws PciError see {@link chooseAddress} */
  place(holder: Holder, shape: Shape, unit: number): void {
    holder.place(chooseAddress(this.#holders, holder, shape, unit));
    if (holder instanceof Reservation) this.#reservedBytes += holder.size;
  }

  /** Takes back what {@link place} gave. */
  free(holder: Holder): void {
    this.#holders.free(holder.iova);
    if (holder instanceof Reservation) this.#reservedBytes -= holder.size;
  }

  /** Notes that devices see a mapping. */
  entered(mapping: Mapping): void {
    this.#index.add(mapping);
  }

  /** Notes that none does any more. */
  left(mapping: Mapping): void {
    this.free(mapping);
    this.#index.remove(mapping);
    if (mapping.joined === undefined) this.#history.add(mapping);
  }

  /** Notes that a part of a mapping is none for its user any more. */
  dropped(part: Mapped): void {
    this.#history.add(part);
  }

  /** Whether a reservation is in it, and open. */
  holds(reservation: Reservation): boolean {
    return !reservation.closed && this.#holders.find(reservation.iova)?.owner === reservation;
  }

  /** The mapping that mappers have at an address. */
  mappingAt(iova: bigint): Mapping | undefined {
    const holder = this.#holders.find(iova)?.owner;
    return holder instanceof Mapping && holder.visible ? holder : undefined;
  }

  /** What its user has mapped at an address: of a memory that is mapped as a whole for its parts, the part. */
  find(iova: bigint): DmaMapping | undefined {
    const mapping = this.mappingAt(iova);
    if (mapping?.joined === undefined) return mapping;
    return mapping.joined.find(mapping.offset + Number(iova - mapping.iova));
  }

  /** See `IommuDomain.iovaOf`. */
  iovaOf(memory: DmaMemory, offset: number): Iova | undefined {
    return this.#index.iovaOf(memory, offset, () => this.visible());
  }

  /** See `IommuDomain.explain`. */
  explain(iova: bigint): IovaReport {
    checkType("iova", iova, "bigint");
    return explain(iova, { table: this.#holders, history: this.#history });
  }

  /** A copy, so that the table may change while it is walked. */
  all(): Mapping[] {
    const holders = Array.from(this.#holders, ({ owner }) => owner);
    return holders.filter((holder) => holder instanceof Mapping);
  }

  /** Those of {@link all} that a device may see. */
  visible(): Mapping[] {
    return this.all().filter((mapping) => mapping.visible);
  }

  /** The same as their users have them: parts instead of a memory that is mapped as a whole for them. */
  mappings(): DmaMapping[] {
    return this.visible().flatMap((mapping): DmaMapping[] =>
      mapping.joined === undefined ? [mapping] : [...mapping.joined.parts()],
    );
  }
}

function nameHolder(holder: Holder): string {
  if (holder instanceof Mapping) return nameMapping(holder);
  return holder.label === undefined ? "a reserved range" : `"${holder.label}", reserved`;
}
