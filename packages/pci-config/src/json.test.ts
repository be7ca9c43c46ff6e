import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesRegion } from "./bytes.ts";
import { configOf } from "./config.ts";
import { fromBytes, toBytes } from "./content.ts";
import { describe as describeConfig } from "./describe.ts";
import { fromJSON, toJSON } from "./json.ts";
import { readCaptures } from "./testing/captures.ts";
import { codeOf, recordingRegion } from "./testing/regions.ts";

const captures = [...readCaptures("real").values(), ...readCaptures("varied").values()];

describe("the JSON form", () => {
  it("holds what describe tells, and reads back bit for bit", () => {
    for (const { bytes } of captures) {
      const config = configOf(bytesRegion(bytes));
      const json = toJSON(config);
      expect(json).toMatchObject(describeConfig(config));
      expect(toBytes(fromJSON(JSON.stringify(json)))).toEqual(toBytes(config));
    }
  });

  it("reads back bit for bit whatever the bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 300 }), (bytes) => {
        const back = fromJSON(JSON.parse(JSON.stringify(toJSON(configOf(bytesRegion(bytes))))));
        expect(toBytes(back)).toEqual(Uint8Array.from(bytes));
      }),
      { numRuns: 100 },
    );
  });

  it("reads each dword of the source once", () => {
    const { region, log } = recordingRegion(captures[0]!.bytes);
    toJSON(configOf(region));
    expect(log.length).toBe(region.size / 4);
  });

  it("of describe reads back with what the header and capabilities have", () => {
    for (const { bytes } of captures) {
      const config = configOf(bytesRegion(bytes));
      const description = describeConfig(config);
      expect(describeConfig(fromJSON(description))).toEqual(description);
    }
  });

  it.each([
    ["no JSON", "{"],
    ["no object", "12"],
    ["nothing of it", {}],
    ["content that is no list", { content: "00" }],
    ["content that is no hexadecimal", { content: ["zz".repeat(64)] }],
    ["half a byte", { content: ["0".repeat(129)] }],
    ["fewer bytes than a header", { content: ["00".repeat(63)] }],
    ["more bytes than a space", { content: ["00".repeat(4097)] }],
    ["a size that no space has", { size: 1e9, header: { bytes: "" } }],
    [
      "a capability outside",
      { size: 64, header: { bytes: "" }, capabilities: [{ offset: 63, bytes: "0000" }] },
    ],
    ["a capability without bytes", { size: 64, header: { bytes: "" }, capabilities: [{ offset: 0 }] }],
    ["a header that is none", { size: 64, header: null }],
    ["null", null],
  ])("is refused where it is %s", (_, json) => {
    expect(codeOf(() => fromJSON(json))).toBe("ERR_INVALID_ARGUMENT");
  });
});

describe("files of bytes", () => {
  it("of 64, 256 and 4096 bytes read and write as they are", () => {
    for (const size of [64, 256, 4096]) {
      const bytes = Uint8Array.from({ length: size }, (_, at) => at % 251);
      expect(toBytes(fromBytes(bytes))).toEqual(bytes);
    }
  });

  it("are copied, so that changing the file's bytes changes nothing", () => {
    const bytes = new Uint8Array(64);
    const config = fromBytes(bytes);
    bytes[0] = 1;
    expect(config.vendorId).toBe(0);
  });

  it("of other sizes are refused", () => {
    expect(codeOf(() => fromBytes(new Uint8Array(128)))).toBe("ERR_INVALID_ARGUMENT");
  });
});
