import { hexDigits, requireBytes } from "./bytes.ts";
import { isVpdSound, parseVpd, type VpdEnd, type VpdField, type VpdItem } from "./vpd.ts";

/** Bytes of vital product data. */
export interface VpdText {
  /** Two hexadecimal digits a byte. */
  readonly bytes: string;
  /** The same as text, without zeros at its end, where all of it are printable characters of ASCII. */
  readonly text?: string;
}

/** A keyword and its value. */
export interface VpdFieldDescription extends VpdText {
  /** Two characters, such as `PN`. */
  readonly keyword: string;
}

/** A resource: the product's name, or fields. */
export type VpdItemDescription =
  | ({ readonly kind: "name" } & VpdText)
  | { readonly kind: "fields"; readonly writable: boolean; readonly fields: readonly VpdFieldDescription[] };

/** Vital product data as plain data. */
export interface VpdDescription {
  readonly items: readonly VpdItemDescription[];
  /** Whether the bytes up to the checksum add up to 0; undefined without a checksum. */
  readonly sound?: boolean;
  readonly end: VpdEnd;
}

/** Decodes vital product data into plain data; ends whatever the bytes are. @throws PciError `ERR_INVALID_ARGUMENT` for no bytes */
export function describeVpd(data: Uint8Array): VpdDescription {
  requireBytes(data);
  const { items, end } = parseVpd(data);
  const checksum = items.flatMap(fieldsOf).find(({ keyword }) => keyword === "RV");
  return {
    items: items.map(describeItem),
    ...(checksum && { sound: isVpdSound(data, checksum) }),
    end,
  };
}

const fieldsOf = (item: VpdItem): readonly VpdField[] => (item.kind === "fields" ? item.fields : []);

function describeItem(item: VpdItem): VpdItemDescription {
  if (item.kind === "name") return { kind: "name", ...describeBytes(item.bytes) };
  const { kind, writable, fields } = item;
  return {
    kind,
    writable,
    fields: fields.map(({ keyword, bytes }) => ({ keyword, ...describeBytes(bytes) })),
  };
}

function describeBytes(bytes: Uint8Array): VpdText {
  const text = String.fromCharCode(...bytes).replace(/\0+$/, "");
  return { bytes: hexDigits(bytes), ...(/^[ -~]*$/.test(text) && { text }) };
}
