import type { Region } from "@userpci/interface";
import { bytesRegion, readBytes } from "../bytes.ts";
import type { CapabilityKind, CapabilityPlace } from "../capability.ts";
import { commonHeader, HEADER_SIZE, type0Header } from "../header.ts";
import { ignore } from "../problem.ts";
import { fieldMask } from "../table.ts";
import type { Traits } from "../view.ts";
import {
  EXTENDED_SIZE,
  extendedEnd,
  STANDARD_SIZE,
  standardEnd,
  walkExtended,
  walkStandard,
  withNext,
} from "../walk.ts";
import { holds, type PermissionRule, type Profile, type StructureRules } from "./rule.ts";

/** The header or a capability of a virtual config space. */
export interface Structure {
  readonly kind: "header" | CapabilityKind;
  readonly name: string;
  /** First byte. */
  readonly offset: number;
  /** Bytes that it claims, cut at the end of its area. */
  readonly length: number;
  /** The rules that hold for it. */
  readonly rules: readonly PermissionRule[];
  readonly spec: StructureRules;
}

/** What the user is shown, and by which rules. */
export interface Layout {
  /** The header, then the capabilities that are shown, in the order of their lists. */
  readonly structures: readonly Structure[];
  /** For each byte the index of its structure plus 1; 0 where nobody owns it. */
  readonly owners: Uint16Array;
  /** The bits kept for the user, as they are at the start; what is not virtual is of no use. */
  readonly content: Uint8Array<ArrayBuffer>;
}

const CAPABILITIES = fieldMask(commonHeader.status.fields.capabilitiesList);
const pointer = type0Header.capabilitiesPointer.offset;

/**
 * Finds out which structures of a device a profile shows, and relinks their lists past those it hides.
 *
 * @param deviceTraits names of what the device is, for the rules of the header
 */
export function layOut(profile: Profile, region: Region, deviceTraits: Traits): Layout {
  const size = Math.min(region.size, EXTENDED_SIZE);
  const maker = new LayoutMaker(region, size);
  maker.add({ kind: "header", offset: 0 }, profile.header, HEADER_SIZE, deviceTraits);
  const ids = layOutStandard(profile, region, maker);
  if (profile.showsExtended(region, ids)) layOutExtended(profile, region, maker);
  return maker;
}

/** @returns ids of all standard capabilities, hidden ones too */
function layOutStandard(profile: Profile, region: Region, maker: LayoutMaker): ReadonlySet<number> {
  const ids = new Set<number>();
  let link: number = pointer;
  for (const place of walkStandard(region, ignore)) {
    ids.add(place.id);
    const spec = profile.standard[place.id] ?? profile.unlisted;
    if (spec === undefined || !maker.addCapability(place, spec, standardEnd(region))) continue;
    maker.write8(link, place.offset);
    link = place.offset + 1;
  }
  maker.write8(link, 0);
  if (link === pointer) maker.clearStatus(CAPABILITIES);
  return ids;
}

/** The list begins at a fixed byte, so that a hidden first capability leaves an anchor of 4 bytes without an id. */
function layOutExtended(profile: Profile, region: Region, maker: LayoutMaker): void {
  let link: number | undefined;
  for (const place of walkExtended(region, ignore)) {
    const spec = profile.extended[place.id];
    const isShown = spec !== undefined && maker.addCapability(place, spec, extendedEnd(region));
    if (!isShown && place.offset !== STANDARD_SIZE) continue;
    if (!isShown) maker.add({ kind: "extended", offset: STANDARD_SIZE }, anchor, 4, none);
    if (link !== undefined) maker.write32(link, withNext(maker.read32(link), place.offset));
    maker.write32(place.offset, isShown ? withNext(region.read32(place.offset), 0) : 0);
    link = place.offset;
  }
}

const none: Traits = new Set();

const anchor: StructureRules = {
  name: "hidden",
  length: 4,
  rules: [],
  others: {
    virtual: true,
    writable: false,
    reason: "the list of extended capabilities begins here; this one is hidden",
  },
};

/** Collects structures. Where two claim a byte, the later one has it, as in {@link ConfigMap}. */
class LayoutMaker implements Layout {
  readonly structures: Structure[] = [];
  readonly owners: Uint16Array;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly #region: Region;
  readonly #kept: Region;

  constructor(region: Region, size: number) {
    this.#region = region;
    this.owners = new Uint16Array(size);
    this.content = new Uint8Array(size);
    this.#kept = bytesRegion(this.content);
  }

  /** @returns whether it is shown */
  addCapability(place: CapabilityPlace, spec: StructureRules, end: number): boolean {
    const { offset } = place;
    // What decides its length may lie in its first 12 bytes.
    const whole = end - offset >= 12;
    const traits = whole && spec.traits ? new Set(spec.traits(this.#region, offset)) : none;
    const told =
      typeof spec.length === "number" ? spec.length : whole ? spec.length(this.#region, offset, traits) : 4;
    if (told === 0) return false;
    this.add(place, spec, Math.min(told, end - offset), traits);
    return true;
  }

  add(at: Pick<Structure, "kind" | "offset">, spec: StructureRules, length: number, traits: Traits): void {
    const { kind, offset } = at;
    const rules = spec.rules.filter((row) => holds(row, traits));
    this.structures.push({ kind, name: spec.name, offset, length, rules, spec });
    this.owners.fill(this.structures.length, offset, offset + length);
    this.content.set(readBytes(this.#region, offset, length), offset);
    for (const { offset: at, width, bits, initial } of rules) {
      if (initial === undefined || at + width / 8 > length) continue;
      for (let byte = 0; byte < width / 8; byte++) {
        const index = offset + at + byte;
        const mask = bits >>> (8 * byte);
        this.content[index] = (this.content[index]! & ~mask) | ((initial >>> (8 * byte)) & mask);
      }
    }
  }

  read32(offset: number): number {
    return this.#kept.read32(offset);
  }

  write8(offset: number, value: number): void {
    this.#kept.write8(offset, value);
  }

  write32(offset: number, value: number): void {
    this.#kept.write32(offset, value);
  }

  clearStatus(mask: number): void {
    const { offset } = commonHeader.status;
    this.#kept.write16(offset, this.#kept.read16(offset) & ~mask);
  }
}
