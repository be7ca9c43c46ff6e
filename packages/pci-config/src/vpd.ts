/** A keyword of vital product data and its value. */
export interface VpdField {
  /** Two characters, such as `PN`; any byte is a character. */
  readonly keyword: string;
  readonly bytes: Uint8Array;
  /** Byte of the data at which the value starts. */
  readonly offset: number;
}

/** A resource of vital product data. Its bytes are missing where the data end before it does. */
export type VpdItem =
  | { readonly kind: "name"; readonly bytes: Uint8Array }
  | { readonly kind: "fields"; readonly writable: boolean; readonly fields: readonly VpdField[] };

/** How the list of resources ended. */
export type VpdEnd =
  | { readonly kind: "end" }
  /** There was not one resource. */
  | { readonly kind: "unreadable" }
  /** The data ended before the end tag. */
  | { readonly kind: "missing" }
  /** A resource whose type vital product data do not have. */
  | { readonly kind: "unknown"; readonly large: boolean; readonly type: number };

/** Vital product data. */
export interface Vpd {
  readonly items: readonly VpdItem[];
  readonly end: VpdEnd;
}

const LARGE = 0x80;
const END_TAG = 0x0f;
const NAME = 0x02;
const READ_ONLY = 0x10;
const READ_WRITE = 0x11;
/** Addresses have 15 bits (section 7.9.19.1). */
const MAX_SIZE = 0x8000;

/**
 * Reads vital product data (section 7.9.19; the format is in PCI 3.0, appendix I): resources in the style of ISA
 * plug-and-play, of which fields hold keywords. Ends whatever the bytes are.
 *
 * @param bytes what the device keeps behind its VPD capability, from address 0, as far as it could be read
 */
export function parseVpd(bytes: Uint8Array): Vpd {
  const items: VpdItem[] = [];
  let at = 0;
  while (at < bytes.length && at < MAX_SIZE) {
    const tag = bytes[at]!;
    if ((tag & LARGE) === 0) {
      const type = tag >>> 3;
      return { items, end: type === END_TAG ? { kind: "end" } : { kind: "unknown", large: false, type } };
    }
    if (at + 3 > bytes.length) break;
    const length = bytes[at + 1]! | (bytes[at + 2]! << 8);
    at += 3;
    if (at + length > MAX_SIZE) break;
    const item = largeItem(bytes, tag & ~LARGE, at, length);
    if (!item) return { items, end: { kind: "unknown", large: true, type: tag & ~LARGE } };
    items.push(item);
    at += length;
  }
  return { items, end: { kind: at === 0 ? "unreadable" : "missing" } };
}

function largeItem(bytes: Uint8Array, type: number, at: number, length: number): VpdItem | undefined {
  if (type === NAME) {
    const whole = at + length <= bytes.length;
    return { kind: "name", bytes: bytes.subarray(at, whole ? at + length : at) };
  }
  if (type !== READ_ONLY && type !== READ_WRITE) return undefined;
  return { kind: "fields", writable: type === READ_WRITE, fields: [...fieldsOf(bytes, at, at + length)] };
}

/** The fields between two addresses, up to the first that is cut off. */
function* fieldsOf(bytes: Uint8Array, start: number, end: number): Generator<VpdField> {
  let at = start;
  while (at + 3 <= Math.min(end, bytes.length)) {
    const offset = at + 3;
    const next = offset + bytes[at + 2]!;
    if (next > end || next > bytes.length) return;
    yield {
      keyword: String.fromCharCode(bytes[at]!, bytes[at + 1]!),
      bytes: bytes.subarray(offset, next),
      offset,
    };
    at = next;
  }
}

/** Whether the bytes up to the checksum, the first byte of the field `RV`, add up to 0. */
export function isVpdSound(bytes: Uint8Array, checksum: VpdField): boolean {
  if (checksum.bytes.length === 0) return false;
  let sum = 0;
  for (let at = 0; at <= checksum.offset; at++) sum += bytes[at]!;
  return (sum & 0xff) === 0;
}
