import {
  checkMethods,
  checkType,
  type DmaMemory,
  formatValue,
  type IommuDomain,
  PciError,
} from "@userpci/interface";
import { ScatterList } from "./scatter-list.ts";
import { checkLimits, type DmaRange, type DmaSegment, partSize, type SegmentLimits } from "./segments.ts";

/**
 * Turns byte ranges into the segments that a device is told: in order, joined where they are adjacent, split where the
 * limits ask for it, as few as possible. {@link ScatterList} does so without allocation.
 *
 * @throws PciError `ERR_OUT_OF_RANGE` for a range that is empty or that its source does not have, `ERR_INVALID_ARGUMENT`,
 * `ERR_CLOSED` for a buffer that is closed
 */
export function scatter(ranges: readonly DmaRange[], limits: SegmentLimits = {}): DmaSegment[] {
  const { maxSegmentSize, boundary } = checkLimits(limits);
  checkArray(ranges);
  let room = 1;
  const parts = Array.from(ranges, partOf);
  for (const { size } of parts) {
    room += Math.ceil(size / maxSegmentSize) + 1;
    if (boundary !== 0) room += Math.ceil(size / boundary) + 1;
  }
  const list = new ScatterList(room, { maxSegmentSize, boundary });
  for (const { source, offset, size } of parts) list.add(source, offset, size);
  return list.toArray();
}

function checkArray(ranges: readonly DmaRange[]): void {
  if (Array.isArray(ranges)) return;
  throw new PciError("ERR_INVALID_ARGUMENT", `ranges must be an array, not ${formatValue(ranges)}`, {
    hint: "pass [{ source: buffer }], or what mappedRanges() gave",
  });
}

/** A range with its defaults filled in. Each property is read once: it may be another at the next look. */
function partOf(range: DmaRange, i: number): Required<DmaRange> {
  checkType(`ranges[${i}]`, range, "object");
  const { source, offset = 0, size } = range;
  checkType(`ranges[${i}].source`, source, "object");
  return { source, offset, size: partSize(source.size, offset, size) };
}

/**
 * Where devices see bytes of memory that is mapped, perhaps in several parts: what {@link scatter} takes.
 *
 * @param offset bytes into the memory. Default 0
 * @param size bytes, above 0. Default: to the end
 * @throws PciError `ERR_OUT_OF_RANGE` if a byte is not mapped or not in the memory, `ERR_INVALID_ARGUMENT`, what
 * `IommuDomain.iovaOf` throws
 */
export function mappedRanges(domain: IommuDomain, memory: DmaMemory, offset = 0, size?: number): DmaRange[] {
  checkMethods("domain", domain, ["iovaOf", "find"]);
  checkType("memory", memory, "object");
  const most = memory.size;
  const end = offset + partSize(most, offset, size);
  const ranges: DmaRange[] = [];
  for (let at = offset; at < end; ) {
    const iova = domain.iovaOf(memory, at);
    const source = iova === undefined ? undefined : domain.find(iova);
    if (source === undefined) throw notMapped(at, most);
    const into = at - source.offset;
    const length = Math.min(end - at, source.size - into);
    ranges.push({ source, offset: into, size: length });
    at += length;
  }
  return ranges;
}

function notMapped(offset: number, size: number): PciError {
  return new PciError("ERR_OUT_OF_RANGE", `byte ${offset} of the memory's ${size} is not mapped`, {
    hint: "map it first: await device.dma.map(memory)",
  });
}
