import type { DmaDirection, IovaReport, MappingLife, MappingNeighbour } from "@userpci/interface";
import type { IovaAllocator } from "./allocator.ts";
import { lifeOf, type Mapped, type MappingHistory } from "./history.ts";
import { Mapping } from "./mapping.ts";
import { hex } from "./pages.ts";
import { formatRange, formatRanges, rangesContain } from "./ranges.ts";
import type { Reservation } from "./reservation.ts";

/** What a domain knows of its addresses. */
export interface Explainer {
  readonly table: IovaAllocator<Mapping | Reservation>;
  readonly history: MappingHistory;
}

type Found = Pick<IovaReport, "state" | "mapping" | "offset" | "earlier"> & { readonly text: string };

const allowed: Readonly<Record<DmaDirection, string>> = {
  "to-device": "the device may read it, not write it",
  "from-device": "the device may write it",
  bidirectional: "the device may read and write it",
};

/** See `IommuDomain.explain`. */
export function explain(iova: bigint, { table, history }: Explainer): IovaReport {
  const past = history.at(iova);
  const { text, ...found } = live(iova, table, past) ?? gone(iova, past) ?? never(iova, table, history);
  const below = found.state === "mapped" ? undefined : neighbour(table.below(iova)?.owner, iova);
  const above = found.state === "mapped" ? undefined : neighbour(table.above(iova)?.owner, iova);
  const near = found.state === "free" ? describeNear(below, above) : "";
  return { iova, ...found, message: `${hex(iova)} ${text}${near}`, below, above };
}

/** What has the address now. */
function live(iova: bigint, table: Explainer["table"], past: readonly MappingLife[]): Found | undefined {
  const holder = table.find(iova)?.owner;
  if (holder === undefined) return undefined;
  if (!(holder instanceof Mapping)) {
    const text = `is reserved: ${describe(holder)}`;
    return { state: "reserved", mapping: undefined, offset: undefined, earlier: past, text };
  }
  const part = holder.joined?.find(holder.offset + Number(iova - holder.iova));
  const mapping = lifeOf(part ?? holder);
  const offset = Number(iova - mapping.iova);
  const whole = holder.joined !== undefined && part === undefined;
  const what = whole ? "memory that is mapped as a whole for its parts, first for " : "";
  const text = `is in ${what}${describe(mapping)}, offset ${hex(offset)}: ${allowed[mapping.direction]}`;
  return { state: "mapped", mapping, offset, earlier: past, text };
}

/** What had the address last. */
function gone(iova: bigint, [last, ...earlier]: readonly MappingLife[]): Found | undefined {
  if (last === undefined) return undefined;
  const offset = Number(iova - last.iova);
  const ago = formatAge(last.unmappedMsAgo!);
  const text = `was in ${describe(last)}, offset ${hex(offset)}, which was unmapped ${ago} ago`;
  return { state: "unmapped", mapping: last, offset, earlier, text };
}

function never(iova: bigint, table: Explainer["table"], history: MappingHistory): Found {
  const nothing = { mapping: undefined, offset: undefined, earlier: [] };
  if (rangesContain(table.ranges, iova, iova)) {
    const { length } = history;
    const was =
      length === 1 ? "not in the last mapping that was" : `in none of the last ${length} mappings that were`;
    const text = `is not mapped, and was ${was} undone`;
    return { state: "free", ...nothing, text };
  }
  return {
    state: "invalid",
    ...nothing,
    text: `is outside what the IOMMU can address for all devices: ${formatRanges(table.ranges)}`,
  };
}

function neighbour(holder: Mapping | Reservation | undefined, iova: bigint): MappingNeighbour | undefined {
  if (!(holder instanceof Mapping)) return undefined;
  const end = holder.iova + BigInt(holder.size);
  const distance = Number(end <= iova ? iova - end : holder.iova - iova - 1n);
  return { ...lifeOf(holder), distance };
}

/** The nearer of the two, since a device that runs past a buffer stays close to it. */
function describeNear(below?: MappingNeighbour, above?: MappingNeighbour): string {
  if (below !== undefined && (above === undefined || below.distance <= above.distance)) {
    return `; it is ${hex(below.distance)} bytes past the end of ${describe(below)}`;
  }
  return above === undefined ? "" : `; it is ${hex(above.distance + 1)} bytes before ${describe(above)}`;
}

/** `"rx ring" of 0000:01:00.0 at 0x1000-0x1fff`. */
function describe({ label, owner, iova, size }: Omit<Mapped, "direction">): string {
  const name = label === undefined ? "a mapping without label" : `"${label}"`;
  const whose = owner === undefined ? "" : ` of ${owner}`;
  return `${name}${whose} at ${formatRange({ start: iova, last: iova + BigInt(size) - 1n })}`;
}

function formatAge(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1000)} s`;
}
