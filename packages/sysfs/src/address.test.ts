import { isPciError } from "@userpci/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PciAddress } from "./address.ts";

const parts = fc.record({
  domain: fc.integer({ min: 0, max: 0xffff_ffff }),
  bus: fc.integer({ min: 0, max: 0xff }),
  device: fc.integer({ min: 0, max: 0x1f }),
  function: fc.integer({ min: 0, max: 7 }),
});

describe("PciAddress", () => {
  it("reads what it writes, for every address there can be", () => {
    fc.assert(
      fc.property(parts, ({ domain, bus, device, function: fn }) => {
        const text = `${domain.toString(16)}:${bus.toString(16)}:${device.toString(16)}.${fn}`;
        const address = PciAddress.parse(text);
        expect({ ...address }).toEqual({ domain, bus, device, function: fn });
        expect({ ...PciAddress.parse(address.toString()) }).toEqual({ ...address });
      }),
    );
  });

  it("spells an address as the kernel does", () => {
    expect(String(PciAddress.parse("00:04.0"))).toBe("0000:00:04.0");
    expect(String(PciAddress.parse("0:A:1F.7"))).toBe("0000:0a:1f.7");
    expect(String(PciAddress.parse("10000:e1:00.0"))).toBe("10000:e1:00.0");
    expect(JSON.stringify({ at: PciAddress.parse("00:04.0") })).toBe('{"at":"0000:00:04.0"}');
  });

  it.each([
    "",
    "4",
    "00:04",
    "00:20.0",
    "00:04.8",
    "00:04.f",
    "100:00.0",
    "1234:11e8",
    "../00:04.0",
    "00:04.0\n",
  ])("refuses %j and says how an address is written", (text) => {
    expect(PciAddress.tryParse(text)).toBeNull();
    try {
      PciAddress.parse(text);
      expect.unreachable();
    } catch (error) {
      expect(isPciError(error, "ERR_INVALID_ARGUMENT") && error.hint).toContain("0000:00:04.0");
    }
  });

  it("sorts by place, not by spelling", () => {
    const sorted = ["10000:00:00.0", "0000:80:00.0", "0000:00:1f.2", "0000:00:1f.0", "0000:00:02.0"]
      .map(PciAddress.parse)
      .sort(PciAddress.compare)
      .map(String);
    expect(sorted).toEqual(["0000:00:02.0", "0000:00:1f.0", "0000:00:1f.2", "0000:80:00.0", "10000:00:00.0"]);
  });
});
