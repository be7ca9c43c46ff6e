import { checkAligned, checkInteger, PciError, type Region } from "@userpci/interface";
import type { CapabilityKind } from "../capability.ts";
import { commonHeader } from "../header.ts";
import { capabilitiesPointerOf } from "../header-layout.ts";
import { fieldMask } from "../table.ts";
import { STANDARD_SIZE, withNext } from "../walk.ts";
import { areas } from "./capability.ts";

/** A capability with its bytes, and where it must be if that was said. */
export interface EncodedCapability {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly offset: number | undefined;
}

/**
 * Finds a place for each capability of a list: the ones that name theirs first, then each of the others in the first gap.
 *
 * @param headerLength bytes that the header needs: more of a CardBus bridge than the area leaves it
 * @returns their offsets, in the order of the list
 * @throws PciError as `buildSpace`
 */
export function placeCapabilities(
  kind: CapabilityKind,
  list: readonly EncodedCapability[],
  headerLength: number,
): number[] {
  const { end } = areas[kind];
  const start = Math.max(areas[kind].start, headerLength);
  const used = new Uint8Array(end).fill(1, 0, start);
  const offsets: number[] = [];
  const take = (index: number, offset: number): void => {
    const { length } = list[index]!.bytes;
    used.fill(1, offset, offset + (length + 3 - ((length + 3) % 4)));
    offsets[index] = offset;
  };
  for (const [index, capability] of list.entries()) {
    // The list of extended capabilities has no pointer to its first member.
    const isFirst = kind === "extended" && index === 0;
    const offset = isFirst ? (capability.offset ?? STANDARD_SIZE) : capability.offset;
    if (isFirst && offset !== STANDARD_SIZE) {
      throw new PciError(
        "ERR_INVALID_ARGUMENT",
        `the first extended capability lies at 0x100, not 0x${offset!.toString(16)}`,
        { hint: "leave out its `offset`, or put another capability first in `extendedCapabilities`" },
      );
    }
    if (offset !== undefined) take(index, checkPlace(capability, offset, used, start, end));
  }
  for (const [index, capability] of list.entries()) {
    if (offsets[index] === undefined) take(index, findGap(capability, used, start, end));
  }
  return offsets;
}

function isFree(used: Uint8Array, offset: number, length: number): boolean {
  return used.subarray(offset, offset + length).every((byte) => byte === 0);
}

function checkPlace(
  { name, bytes }: EncodedCapability,
  offset: number,
  used: Uint8Array,
  start: number,
  end: number,
): number {
  checkAligned(`offset of ${name}`, checkInteger(`offset of ${name}`, offset, start, end - bytes.length), 4);
  if (isFree(used, offset, bytes.length)) return offset;
  const at = `0x${offset.toString(16)}`;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    `${name} with ${bytes.length} bytes at ${at} overlaps another capability`,
    {
      hint: "leave out `offset` to have a gap found",
    },
  );
}

function findGap({ name, bytes }: EncodedCapability, used: Uint8Array, start: number, end: number): number {
  for (let at = start; at + bytes.length <= end; at += 4) if (isFree(used, at, bytes.length)) return at;
  throw new PciError("ERR_OUT_OF_RANGE", `no gap is left for the ${bytes.length} bytes of ${name}`, {
    hint: `the area has ${end - start} bytes; leave out other capabilities, or move them together`,
  });
}

const HAS_LIST = fieldMask(commonHeader.status.fields.capabilitiesList);

/** Writes capabilities at their places and links them. */
export function linkCapabilities(
  region: Region,
  kind: CapabilityKind,
  list: readonly EncodedCapability[],
  offsets: readonly number[],
): void {
  for (const [index, { bytes }] of list.entries()) {
    const offset = offsets[index]!;
    for (const [at, byte] of bytes.entries()) region.write8(offset + at, byte);
    const next = offsets[index + 1] ?? 0;
    if (kind === "standard") region.write8(offset + 1, next);
    else region.write32(offset, withNext(region.read32(offset), next));
  }
  if (kind === "extended") return;
  const { offset: status } = commonHeader.status;
  const [first = 0] = offsets;
  region.write8(capabilitiesPointerOf(region)!, first);
  const others = region.read16(status) & ~HAS_LIST;
  region.write16(status, first === 0 ? others : others | HAS_LIST);
}
