import fc from "fast-check";
import { expect, it } from "vitest";
import { buildSpace } from "./builder/build.ts";
import { bytesRegion } from "./bytes.ts";
import { configOf } from "./config.ts";
import { describe } from "./describe.ts";
import { formatConfig } from "./format.ts";
import { fromJSON, toJSON } from "./json.ts";
import { codeOf } from "./testing/regions.ts";
import { describeVpd } from "./vpd-description.ts";

const ascii = (text: string) => Array.from(text, (char) => char.charCodeAt(0));
const large = (type: number, bytes: readonly number[]) => [0x80 | type, bytes.length, 0, ...bytes];
const field = (keyword: string, bytes: readonly number[]) => [...ascii(keyword), bytes.length, ...bytes];

/** Vital product data whose checksum holds. */
function vpdOf(name: string, ...fields: readonly number[][]): Uint8Array {
  const head = [
    ...large(0x02, ascii(name)),
    0x90,
    fields.flat().length + 5,
    0,
    ...fields.flat(),
    ...ascii("RV"),
    2,
  ];
  const sum = head.reduce((total, byte) => total + byte, 0);
  return Uint8Array.from([...head, -sum & 0xff, 0, 0x78]);
}

const config = configOf(
  bytesRegion(buildSpace({ vendorId: 0x1234, deviceId: 0x5678, capabilities: [{ name: "vpd" }] })),
);
const vpd = vpdOf("Card", field("PN", ascii("A1\0")), field("V0", [0xff, 1]));

it("is described where it is given, behind the registers that a space has of it", () => {
  expect(describe(config, { vpd }).vpd).toEqual({
    items: [
      { kind: "name", bytes: "43617264", text: "Card" },
      {
        kind: "fields",
        writable: false,
        fields: [
          { keyword: "PN", bytes: "413100", text: "A1" },
          { keyword: "V0", bytes: "ff01" },
          { keyword: "RV", bytes: expect.stringMatching(/^..00$/) },
        ],
      },
    ],
    sound: true,
    end: { kind: "end" },
  });
  const damaged = vpd.with(4, 0x44);
  expect(describeVpd(damaged).sound).toBe(false);
  expect("vpd" in describe(config)).toBe(false);
  expect(codeOf(() => describe(config, { vpd: "x" as unknown as Uint8Array }))).toBe("ERR_INVALID_ARGUMENT");
});

it("is in the JSON form, which reads back, and in the text", () => {
  const json = toJSON(config, { vpd });
  expect(JSON.parse(JSON.stringify(json))).toEqual(json);
  expect(fromJSON(json).find("vpd")).toBeDefined();
  expect(formatConfig(json)).toEqual(
    expect.arrayContaining(["vital product data  Card", "  PN  A1", "  V0  ff 01"]),
  );
});

it("is plain data whatever the bytes are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const found = describeVpd(bytes);
      expect(JSON.parse(JSON.stringify(found))).toEqual(found);
    }),
  );
  const long = Uint8Array.from([0x82, 0xff, 0x7f, ...new Array(0x7fff).fill(0x41)]);
  expect(describeVpd(long)).toMatchObject({ items: [], end: { kind: "missing" } });
});
