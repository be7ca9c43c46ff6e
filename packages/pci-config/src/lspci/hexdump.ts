import { hex } from "./line.ts";

const ROW = 16;
const HEADER = 64;
/** Bytes that the shortest dump of a CardBus bridge shows. */
const CARDBUS_HEADER = 128;
/** Bytes that `-xxx` and `-xxxx` ask for, the most first. */
const spans = [4096, 256];

/** Bytes that a level of `-x` shows: as many as it asks for, or as can be read. */
function spanOf(bytes: Uint8Array, level: number): number {
  const wanted = spans.slice(level > 3 ? 0 : level > 2 ? 1 : 2).find((span) => bytes.length >= span);
  if (wanted !== undefined) return wanted;
  const isCardbus = ((bytes[0x0e] ?? 0) & 0x7f) === 2;
  return isCardbus && bytes.length >= CARDBUS_HEADER ? CARDBUS_HEADER : HEADER;
}

/** The bytes of a config space in rows of 16. */
export function hexdump(bytes: Uint8Array, level: number): string {
  if (bytes.length < HEADER) return "WARNING: Cannot show hex-dump of the config space\n";
  const end = spanOf(bytes, level);
  let text = "";
  for (let at = 0; at < end; at += ROW) {
    text += `${hex(at, 2)}:`;
    for (const byte of bytes.subarray(at, at + ROW)) text += ` ${hex(byte, 2)}`;
    text += "\n";
  }
  return text;
}
