import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasRawBytes, rawText, textBytes } from "./raw-text.ts";

const utf8 = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const points = fc.oneof(fc.nat(0xff), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }));
const texts = fc.array(points).map((codes) => String.fromCodePoint(...codes));

describe("text of a device's bytes", () => {
  it("is what UTF-8 says where it is UTF-8", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const bytes = utf8.encode(text);
        expect(rawText(bytes)).toBe(text);
        expect(hasRawBytes(text)).toBe(false);
        expect(textBytes(text)).toEqual(bytes);
      }),
    );
  });

  it("gives back the same bytes, whatever they are", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = rawText(bytes);
        expect(textBytes(text)).toEqual(bytes);
        expect(hasRawBytes(text)).toBe(decoder.decode(bytes) !== text);
      }),
    );
  });

  it("keeps sequences that are cut off, too long or of surrogates as bytes", () => {
    const cases = [[0xe2, 0x82], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xf4, 0x90, 0x80, 0x80]];
    for (const bytes of cases) {
      expect(rawText(Uint8Array.from(bytes))).toBe(
        bytes.map((byte) => String.fromCharCode(0xdc00 + byte)).join(""),
      );
    }
  });
});
