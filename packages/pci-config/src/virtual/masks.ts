import type { Layout, Structure } from "./layout.ts";
import type { DefaultRule, Profile } from "./rule.ts";

/** The two masks of row R8, for every byte: which bits are virtual, and which are writable. */
export interface Masks {
  readonly virtual: Uint8Array;
  readonly writable: Uint8Array;
}

/** Makes the masks of a layout from the rules of its structures. */
export function masksOf(profile: Profile, { structures, owners }: Layout): Masks {
  const masks = { virtual: new Uint8Array(owners.length), writable: new Uint8Array(owners.length) };
  for (let at = 0; at < owners.length; at++) {
    const owner = structures[owners[at]! - 1];
    setDefault(masks, at, owner?.spec.others ?? profile.unowned);
  }
  for (const [index, structure] of structures.entries()) applyRules(masks, structure, owners, index + 1);
  return masks;
}

function setDefault(masks: Masks, at: number, { virtual, writable }: DefaultRule): void {
  masks.virtual[at] = virtual ? 0xff : 0;
  masks.writable[at] = writable ? 0xff : 0;
}

function applyRules(masks: Masks, structure: Structure, owners: Uint16Array, mark: number): void {
  for (const { offset, width, bits, virtual, writable } of structure.rules) {
    for (let byte = 0; byte < width / 8; byte++) {
      const at = structure.offset + offset + byte;
      // A structure may be cut short, or lose bytes to a later one.
      if (owners[at] !== mark) continue;
      setBits(masks.virtual, at, (bits >>> (8 * byte)) & 0xff, virtual);
      setBits(masks.writable, at, (bits >>> (8 * byte)) & 0xff, writable);
    }
  }
}

function setBits(mask: Uint8Array, at: number, bits: number, on: boolean): void {
  mask[at] = on ? mask[at]! | bits : mask[at]! & ~bits;
}
