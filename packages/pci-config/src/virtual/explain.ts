import { whyFixed } from "./bars.ts";
import type { Layout, Structure } from "./layout.ts";
import type { Masks } from "./masks.ts";
import type { DefaultRule, Profile } from "./rule.ts";

/** What holds for some bits of a virtual config space. */
export interface Explanation {
  /** `header`, a capability's name, or undefined where nobody owns them. */
  readonly owner: string | undefined;
  /** First byte of the owner. */
  readonly ownerOffset: number | undefined;
  /** Byte that bit 0 of `mask` belongs to. */
  readonly offset: number;
  /** The bits. */
  readonly mask: number;
  /** Whether they are kept for the user, and the device's are not shown. */
  readonly virtual: boolean;
  /** Whether a write changes what the user reads. */
  readonly writable: boolean;
  /** Whether a write reaches the same bits of the device. */
  readonly reachesDevice: boolean;
  /** What the provider does for the user on a write. */
  readonly mediated?: string;
  /** Why: the reason of the profile's row. */
  readonly reason: string;
}

type Row = DefaultRule & { readonly mediated?: string };

/** Explains bits, the ones with the same answer together. */
export function explainBits(
  profile: Profile,
  layout: Layout,
  masks: Masks,
  offset: number,
  mask: number,
): readonly Explanation[] {
  const groups = new Map<string, Explanation>();
  for (let bit = 0; bit < 32; bit++) {
    if ((mask & (1 << bit)) === 0) continue;
    const found = explainBit(profile, layout, masks, offset, bit);
    const { mask: _, ...answer } = found;
    const key = JSON.stringify(answer);
    const known = groups.get(key);
    groups.set(key, known ? { ...known, mask: (known.mask | found.mask) >>> 0 } : found);
  }
  return [...groups.values()];
}

function explainBit(
  profile: Profile,
  { structures, owners, content }: Layout,
  masks: Masks,
  offset: number,
  bit: number,
): Explanation {
  const at = offset + (bit >>> 3);
  const inByte = 1 << (bit & 7);
  const structure = structures[owners[at]! - 1];
  const row: Row = (structure && ruleOf(structure, at, inByte)) ?? structure?.spec.others ?? profile.unowned;
  const virtual = (masks.virtual[at]! & inByte) !== 0;
  const writable = (masks.writable[at]! & inByte) !== 0;
  return {
    owner: structure?.name,
    ownerOffset: structure?.offset,
    offset,
    mask: (1 << bit) >>> 0,
    virtual,
    writable,
    reachesDevice: writable && !virtual,
    ...(row.mediated !== undefined && { mediated: row.mediated }),
    // A rule may allow more than the function has: a BAR's bits that no address has, and BARs that are not there.
    reason: row.writable === writable ? row.reason : `${row.reason}; ${whyFixed(content, masks, at, inByte)}`,
  };
}

function ruleOf({ offset, rules }: Structure, at: number, inByte: number): Row | undefined {
  return rules.find((row) => {
    const byte = at - offset - row.offset;
    return byte >= 0 && byte < row.width / 8 && ((row.bits >>> (8 * byte)) & inByte) !== 0;
  });
}
