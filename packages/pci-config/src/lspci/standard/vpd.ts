import { isVpdSound, parseVpd, type VpdField, type VpdItem } from "../../vpd.ts";
import type { CapabilityPrinter } from "../capability-text.ts";
import { hex } from "../line.ts";
import { rawText } from "../raw-text.ts";

/** How a field prints: as text, as bytes, or by its own rule. */
type Print = (field: VpdField, data: Uint8Array) => string;

const asText: Print = ({ bytes }) => textOf(bytes);
const asBytes: Print = ({ bytes }) => Array.from(bytes, (byte) => hex(byte, 2)).join(" ");
const checksum: Print = (field, data) =>
  `checksum ${isVpdSound(data, field) ? "good" : "bad"}, ${field.bytes.length - 1} byte(s) reserved`;
const free: Print = ({ bytes }) => `${bytes.length} byte(s) free`;

/** Titles by keyword, or by the first letter of a family of them. */
const keywords: Readonly<Record<string, readonly [title: string, print: Print]>> = {
  CC: ["CCIN", asText],
  CP: ["Extended capability", asBytes],
  EC: ["Engineering changes", asText],
  FC: ["Feature code", asText],
  FN: ["FRU", asText],
  MN: ["Manufacture ID", asText],
  NA: ["Network address", asText],
  PN: ["Part number", asText],
  RM: ["Firmware version", asText],
  RV: ["Reserved", checksum],
  RW: ["Read-write area", free],
  SN: ["Serial number", asText],
  V: ["Vendor specific", asText],
  YA: ["Asset tag", asText],
  Y: ["System specific", asText],
  Z: ["Product specific", asText],
};
const unknown = ["Unknown", asBytes] as const;

/** Text without one NUL at its end; control characters and backslashes are escaped. */
function textOf(bytes: Uint8Array): string {
  const text = rawText(bytes[bytes.length - 1] === 0 ? bytes.subarray(0, -1) : bytes);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
  return text.replace(/[\x00-\x1f\x7f\\]/g, (char) =>
    char === "\\" ? "\\\\" : `\\x${hex(char.charCodeAt(0), 2)}`,
  );
}

function itemText(item: VpdItem, data: Uint8Array): string {
  if (item.kind === "name") return `\t\tProduct Name: ${textOf(item.bytes)}\n`;
  let text = `\t\t${item.writable ? "Read/write" : "Read-only"} fields:\n`;
  for (const field of item.fields) {
    const [title, print] = keywords[field.keyword] ?? keywords[field.keyword[0]!] ?? unknown;
    const keyword = textOf(Uint8Array.from(field.keyword, (char) => char.charCodeAt(0)));
    text += `\t\t\t[${keyword}] ${title}: ${print(field, data)}\n`;
  }
  return text;
}

/** Vital product data, where the system can read them. */
export const vpdText: CapabilityPrinter = (capability) => {
  const head = "Vital Product Data\n";
  if (!capability.verbose) return head;
  const data = capability.device.system?.vpd ?? new Uint8Array();
  const { items, end } = parseVpd(data);
  const text = head + items.map((item) => itemText(item, data)).join("");
  if (end.kind === "end") return `${text}\t\tEnd\n`;
  if (end.kind === "unreadable") return `${text}\t\tNot readable\n`;
  if (end.kind === "missing") return `${text}\t\tNo end tag found\n`;
  const size = end.large ? "large" : "small";
  return `${text}\t\tUnknown ${size} resource type ${hex(end.type, 2)}, will not decode more.\n`;
};
