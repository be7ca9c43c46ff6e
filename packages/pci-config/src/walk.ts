import type { Region } from "@userpci/interface";
import type { CapabilityPlace } from "./capability.ts";
import { commonHeader, HEADER_SIZE } from "./header.ts";
import { capabilitiesPointerOf } from "./header-layout.ts";
import { hex, ignore, problem, type Report } from "./problem.ts";
import { fieldAt } from "./register.ts";
import { bits, fieldOf, register, withField } from "./table.ts";

/** Bytes of a config space without extended capabilities. */
export const STANDARD_SIZE = 256;
/** Bytes of a config space with them. */
export const EXTENDED_SIZE = 4096;

/** The dword with which every extended capability begins (section 7.6.3). */
export const extendedHeader = register(0x00, 32, "7.6.3", "PCI Express Extended Capability Header", {
  id: bits(15, 0, "RO", "Extended capability id"),
  version: bits(19, 16, "RO", "Version of the structure"),
  next: bits(31, 20, "RO", "Offset of the next extended capability; 0 for none"),
});

const ALL_ONES = 0xffff_ffff;

/** The bits of an extended capability's header with the next one at `next`. */
export function withNext(header: number, next: number): number {
  return withField(extendedHeader.fields.next, header, next);
}

/** First byte behind the standard area of a region. */
export function standardEnd(region: Region): number {
  return Math.min(region.size, STANDARD_SIZE) & ~3;
}

/** First byte behind the extended area of a region. */
export function extendedEnd(region: Region): number {
  return Math.min(region.size, EXTENDED_SIZE) & ~3;
}

/**
 * Walks the standard capability list. Ends whatever the bytes are: every step leads to a dword that was not seen before,
 * and there are no more steps than dwords.
 */
export function* walkStandard(region: Region, report: Report): Generator<CapabilityPlace> {
  const area: Area = { low: HEADER_SIZE, end: standardEnd(region), seen: new Set() };
  let from = firstPointer(region, report);
  for (let steps = dwordsOf(area); from !== undefined && steps > 0; steps--) {
    const offset = step(region.read8(from), from, area, report);
    if (offset === undefined) return;
    const header = region.read16(offset);
    if (header === 0xffff) {
      report(problem("dead-capability", offset, `the capability at ${hex(offset)} reads all ones`));
      return;
    }
    yield { kind: "standard", id: header & 0xff, version: 0, offset };
    from = offset + 1;
  }
}

/** Offset of the first standard capability of an id, or undefined if there is none. */
export function findStandard(region: Region, id: number): number | undefined {
  for (const place of walkStandard(region, ignore)) if (place.id === id) return place.offset;
  return undefined;
}

/** Offset of the pointer to the first standard capability, or undefined if there is none. */
function firstPointer(region: Region, report: Report): number | undefined {
  if (region.read32(0x00) === ALL_ONES && region.read32(0x04) === ALL_ONES) {
    report(problem("absent", 0, "vendor, device, command and status read all ones"));
    return undefined;
  }
  if (fieldAt(region, 0, commonHeader.status, "capabilitiesList") === 0) return undefined;
  const pointer = capabilitiesPointerOf(region);
  if (pointer === undefined) {
    const layout = fieldAt(region, 0, commonHeader.headerType, "layout");
    const message = `header layout ${layout} is not known, so its capabilities cannot be found`;
    report(problem("header-type", commonHeader.headerType.offset, message));
  } else if (standardEnd(region) <= HEADER_SIZE) {
    const message = `the region has ${region.size} bytes; the capabilities behind them cannot be read`;
    report(problem("short-region", region.size, message));
    return undefined;
  }
  return pointer;
}

interface Area {
  /** First byte that a capability may start at. */
  readonly low: number;
  readonly end: number;
  readonly seen: Set<number>;
}

const dwordsOf = ({ low, end }: Area): number => (end - low) / 4;

/** Follows a pointer read at `from`; undefined at the end of the list, or where it cannot be followed. */
function step(pointer: number, from: number, area: Area, report: Report): number | undefined {
  if (pointer === 0) return undefined;
  const offset = pointer & ~3;
  if (offset !== pointer) {
    const message = `the capability pointer at ${hex(from)} is ${hex(pointer)}, read as ${hex(offset)}`;
    report(problem("pointer-bits", from, message));
  }
  if (offset < area.low || offset + 4 > area.end) {
    const message = `the capability pointer at ${hex(from)} leads to ${hex(offset)}, outside ${hex(area.low)} to ${hex(area.end - 1)}`;
    report(problem("pointer-range", from, message));
    return undefined;
  }
  if (area.seen.has(offset)) {
    report(problem("cycle", from, `the capability pointer at ${hex(from)} leads back to ${hex(offset)}`));
    return undefined;
  }
  area.seen.add(offset);
  return offset;
}

/** Walks the extended capability list, which starts at byte 256 without a pointer. Ends whatever the bytes are. */
export function* walkExtended(region: Region, report: Report): Generator<CapabilityPlace> {
  const end = extendedEnd(region);
  if (end < STANDARD_SIZE + 4) return;
  let offset: number | undefined = STANDARD_SIZE;
  const { id, version, next } = extendedHeader.fields;
  const area: Area = { low: STANDARD_SIZE, end, seen: new Set([STANDARD_SIZE]) };
  for (let steps = dwordsOf(area); offset !== undefined && steps > 0; steps--) {
    const header = region.read32(offset);
    if (offset === STANDARD_SIZE && (header === 0 || header === ALL_ONES)) return;
    if (header === 0 || header === ALL_ONES) {
      const bits = header === 0 ? "zeros" : "ones";
      report(problem("dead-capability", offset, `the capability at ${hex(offset, 3)} reads all ${bits}`));
      return;
    }
    yield { kind: "extended", id: fieldOf(id, header), version: fieldOf(version, header), offset };
    offset = step(fieldOf(next, header), offset, area, report);
  }
}
