import { hex } from "./line.ts";

/** A byte that is no part of UTF-8 text is kept as this code unit plus the byte: a surrogate, which no such text has. */
const ESCAPE = 0xdc00;
const escaped = /[\udc80-\udcff]/u;

/** Bytes of a UTF-8 sequence, by the bits that its first byte begins with. */
function sequenceLength(first: number): number {
  if (first < 0xc0) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** The text of one sequence, or undefined for what is none. The language itself has no other decoder than that of URIs. */
function sequence(bytes: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(Array.from(bytes, (byte) => `%${hex(byte, 2)}`).join(""));
  } catch {
    return undefined;
  }
}

/** Bytes as UTF-8 text from which {@link textBytes} makes the same bytes, whatever they are. */
export function rawText(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at]!;
    const length = sequenceLength(first);
    const decoded = first < 0x80 ? String.fromCharCode(first) : sequence(bytes.subarray(at, at + length));
    text += decoded ?? String.fromCharCode(ESCAPE + first);
    at += decoded === undefined ? 1 : length;
  }
  return text;
}

/** Whether a text holds bytes that are not UTF-8, so that only {@link textBytes} can write it. */
export function hasRawBytes(text: string): boolean {
  return escaped.test(text);
}

/**
 * The bytes that lspci prints for a text of ours: UTF-8, but for bytes of a device's strings that were none; those stand in
 * the text as lone surrogates, `\udc80` for byte 80h to `\udcff` for byte ffh.
 */
export function textBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const char of text) {
    const point = char.codePointAt(0)!;
    if (point < 0x80) bytes.push(point);
    else if (escaped.test(char)) bytes.push(point - ESCAPE);
    else
      for (const [, digits] of encodeURIComponent(char).matchAll(/%(..)/g))
        bytes.push(Number.parseInt(digits!, 16));
  }
  return Uint8Array.from(bytes);
}
