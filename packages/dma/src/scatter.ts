import { checkType, type DmaMemory, formatValue, type IommuDomain, PciError } from "@userpci/interface";
import { ScatterList } from "./scatter-list.ts";
import { checkLimits, checkPart, type DmaRange, type DmaSegment, type SegmentLimits } from "./segments.ts";

/**
 * Turns byte ranges into the segments that a device is told: in order, joined where they are adjacent, split where the
 * limits ask for it, as few as possible. {@link ScatterList} does so without allocation.
 *
 * @throws PciError `ERR_OUT_OF_RANGE` for a range that is empty or that its source does not have, `ERR_INVALID_ARGUMENT`,
 * `ERR_CLOSED` for a buffer that is closed
 */
export function scatter(ranges: readonly DmaRange[], limits: SegmentLimits = {}): DmaSegment[] {
  const { maxSegmentSize, boundary } = checkLimits(limits);
  checkRanges(ranges);
  let room = 1;
  for (const { source, offset = 0, size = source.size - offset } of ranges) {
    checkPart(source.size, offset, size);
    room += Math.ceil(size / maxSegmentSize) + 1;
    if (boundary !== 0) room += Math.ceil(size / boundary) + 1;
  }
  const list = new ScatterList(room, limits);
  for (const { source, offset, size } of ranges) list.add(source, offset, size);
  return list.toArray();
}

function checkRanges(ranges: readonly DmaRange[]): void {
  if (!Array.isArray(ranges)) {
    throw new PciError("ERR_INVALID_ARGUMENT", `ranges must be an array, not ${formatValue(ranges)}`, {
      hint: "pass [{ source: buffer }], or what mappedRanges() gave",
    });
  }
  ranges.forEach((range, i) => {
    checkType(`ranges[${i}]`, range, "object");
    checkType(`ranges[${i}].source`, range.source, "object");
  });
}

/**
 * Where devices see bytes of memory that is mapped, perhaps in several parts: what {@link scatter} takes.
 *
 * @param offset bytes into the memory. Default 0
 * @param size bytes, above 0. Default: to the end
 * @throws PciError `ERR_OUT_OF_RANGE` if a byte is not mapped or not in the memory, what `IommuDomain.iovaOf` throws
 */
export function mappedRanges(
  domain: IommuDomain,
  memory: DmaMemory,
  offset = 0,
  size = memory.size - offset,
): DmaRange[] {
  checkPart(memory.size, offset, size);
  const ranges: DmaRange[] = [];
  for (let at = offset; at < offset + size; ) {
    const iova = domain.iovaOf(memory, at);
    const source = iova === undefined ? undefined : domain.find(iova);
    if (source === undefined) throw notMapped(at, memory.size);
    const into = at - source.offset;
    const length = Math.min(offset + size - at, source.size - into);
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
