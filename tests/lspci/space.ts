/** Bytes at an offset: little-endian, by their width. */
export type Patch = readonly [offset: number, width: number, value: number];

/** Writes little-endian numbers into a space. */
export function patch(bytes: Uint8Array, ...patches: readonly Patch[]): Uint8Array {
  for (const [offset, width, value] of patches) {
    for (let i = 0; i < width; i++) bytes[offset + i] = Math.floor(value / 256 ** i) & 0xff;
  }
  return bytes;
}

/** Where the first capability of a made space is. */
export const FIRST = 0x40;

/** An Ethernet controller of Intel with a capability at {@link FIRST}, which is empty but for its id. */
export function withCapability(id: number, size = 256): Uint8Array {
  return patch(
    new Uint8Array(size),
    [0x00, 2, 0x8086],
    [0x02, 2, 0x100e],
    [0x06, 2, 0x10],
    [0x0a, 2, 0x0200],
    [0x34, 1, FIRST],
    [FIRST, 1, id],
  );
}

/** Where the first extended capability of a made space is. */
export const EXTENDED = 0x100;

/** A PCI Express endpoint with an extended capability at {@link EXTENDED}, which is empty but for its header. */
export function withExtended(id: number, version = 1, size = 0x400): Uint8Array {
  return patch(withCapability(0x10, size), [FIRST + 2, 2, 0x0002], [EXTENDED, 4, id | (version << 16)]);
}

/** Makes a bridge of a space. */
export function asBridge(bytes: Uint8Array): Uint8Array {
  return patch(bytes, [0x0a, 2, 0x0604], [0x0e, 1, 1]);
}

/** Makes a CardBus bridge of a space. */
export function asCardbus(bytes: Uint8Array): Uint8Array {
  return patch(bytes, [0x0a, 2, 0x0607], [0x0e, 1, 2], [0x14, 1, FIRST]);
}

/** Spaces as `lspci -xxxx` prints them, each under an address of its own or of `addresses`. */
export function dumpOf(spaces: readonly Uint8Array[], addresses?: readonly string[]): string {
  return spaces
    .map((bytes, index) => `${addresses?.[index] ?? addressOf(index)} Device\n${rows(bytes)}\n`)
    .join("");
}

function addressOf(index: number): string {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");
  // Every fourth is the first function of its bus, which has more to say of its link.
  const device = index % 4 === 0 ? 0 : index & 0x1f;
  return `${hex(index >> 13, 4)}:${hex((index >> 5) & 0xff, 2)}:${hex(device, 2)}.${index % 4 === 0 ? (index >> 2) & 7 : index & 7}`;
}

function rows(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 16) {
    const row = Array.from(bytes.subarray(at, at + 16), (byte) => byte.toString(16).padStart(2, "0"));
    text += `${at.toString(16).padStart(2, "0")}: ${row.join(" ")}\n`;
  }
  return text;
}
