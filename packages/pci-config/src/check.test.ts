import { describe, expect, it } from "vitest";
import { buildSpace } from "./builder/build.ts";
import type { SpaceDescription } from "./builder/description.ts";
import { bytesRegion } from "./bytes.ts";
import { check } from "./check.ts";
import { configOf } from "./config.ts";
import { readCaptures } from "./testing/captures.ts";
import { list, space } from "./testing/regions.ts";

const ids = { vendorId: 0x1234, deviceId: 0x11e8 };
const built = (description: Partial<SpaceDescription> = {}) =>
  buildSpace({ ...ids, ...description } as SpaceDescription);

function codesOf(bytes: Uint8Array, barSizes?: readonly number[]): string[] {
  return check(configOf(bytesRegion(bytes)), barSizes && { barSizes }).map(
    ({ severity, code, offset }) => `${severity} ${code} ${offset.toString(16)}`,
  );
}

describe("check", () => {
  it("finds no error in real devices", () => {
    for (const { bytes, printed } of readCaptures("real").values()) {
      const errors = check(configOf(bytesRegion(bytes))).filter(({ severity }) => severity === "error");
      // A virtual function reads ffff as its ids, but is there.
      expect(errors, printed.head).toEqual([]);
    }
  });

  it("finds nothing in what was built", () => {
    const bars = [{ kind: "memory64", size: 0x4000, address: 0x4000 }] as const;
    expect(codesOf(built({ bars, capabilities: [{ name: "pm" }, { name: "pcie" }] }), [0x4000])).toEqual([]);
  });

  it("reports cycles, overlaps and capabilities outside their area", () => {
    expect(codesOf(space(256, ...list(0x40), [0x40, 0x01, 0x40]))).toEqual(["error cycle 41"]);
    expect(codesOf(space(256, ...list(0x40), [0x40, 0x01, 0x44, 0x11, 0x00]))).toContain(
      "warning overlap 44",
    );
    expect(codesOf(space(256, ...list(0x20)))).toEqual(["error pointer-range 34"]);
    expect(codesOf(space(256, ...list(0xfc), [0xfc, 0x01]))).toEqual(["error past-end fc"]);
  });

  it("reports BARs of impossible size, place and type", () => {
    const bars = [
      { kind: "memory32", size: 0x1000, address: 0x1000 },
      { kind: "memory32", size: 0x1000, address: 0x3000 },
    ] as const;
    const bytes = built({ bars });
    expect(codesOf(bytes, [0x1000, 0x1000])).toEqual([]);
    expect(codesOf(bytes, [0x1800, 0x1000])).toEqual(["error bar-size 10"]);
    expect(codesOf(bytes, [0x2000, 0x1000])).toEqual(["error bar-address 10"]);
    bytes[0x15] = 0x10;
    expect(codesOf(bytes, [0x1000, 0x1000])).toEqual(["warning bar-overlap 14"]);
    expect(codesOf(space(256, [0x10, 0x02, 0x00, 0x01]))).toEqual(["warning bar-below-1m 10"]);
    expect(codesOf(space(256, [0x10, 0x06, 0x00, 0x01]))).toEqual(["error bar-type 10"]);
  });

  it("reports reserved bits that are set, errors before warnings", () => {
    const bytes = built({ capabilities: [{ name: "pm" }] });
    bytes[0x44] = 0x04;
    bytes[0x05] = 0x08;
    expect(codesOf(bytes)).toEqual(["warning reserved-bits 4", "warning reserved-bits 44"]);
    bytes[0x41] = 0x20;
    expect(codesOf(bytes)).toEqual([
      "error pointer-range 41",
      "warning reserved-bits 4",
      "warning reserved-bits 44",
    ]);
  });

  it("reports reserved bits of a register that is one number", () => {
    const bytes = built({ capabilities: [{ name: "msi", registers: { addressLo: 0xfee0_0002 } }] });
    expect(check(configOf(bytesRegion(bytes)))).toMatchObject([
      {
        code: "reserved-bits",
        offset: 0x44,
        message: "msi.addressLo is 0xfee00002: the bits 0x00000002 are reserved",
      },
    ]);
  });

  it("reports extended capabilities that nothing brings", () => {
    expect(codesOf(space(4096, [0x100, 0x03, 0x00, 0x01]))).toEqual(["warning extended-without-pcie 100"]);
  });

  it("says of a function that is gone only that", () => {
    expect(codesOf(new Uint8Array(256).fill(0xff))).toEqual(["error absent 0"]);
  });
});
