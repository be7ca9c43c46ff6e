import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseResources } from "./resource.ts";

// An 82576 port as Linux 6.12 prints it: two 32-bit memory BARs, an I/O BAR, MSI-X in BAR 3, the ROM, and the
// 64-bit BARs of its virtual functions in 7 and 10.
const igb = `0x00000000fea00000 0x00000000fea1ffff 0x0000000000040200
0x00000000fea20000 0x00000000fea3ffff 0x0000000000040200
0x000000000000c000 0x000000000000c01f 0x0000000000040101
0x00000000fea60000 0x00000000fea63fff 0x0000000000040200
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x00000000fea40000 0x00000000fea5ffff 0x0000000000046200
0x0000004000000000 0x000000400001ffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000004000020000 0x000000400003ffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
`;

describe("parseResources", () => {
  it("reads every range of a network card, and leaves unused ones out", () => {
    const memory = { space: "memory", wide: false, prefetchable: false };
    expect(parseResources(igb)).toEqual([
      { index: 0, start: 0xfea0_0000n, size: 0x2_0000, ...memory },
      { index: 1, start: 0xfea2_0000n, size: 0x2_0000, ...memory },
      { index: 2, start: 0xc000n, size: 32, space: "io", wide: false, prefetchable: false },
      { index: 3, start: 0xfea6_0000n, size: 0x4000, ...memory },
      { index: 6, start: 0xfea4_0000n, size: 0x2_0000, ...memory, prefetchable: true },
      { index: 7, start: 0x40_0000_0000n, size: 0x2_0000, space: "memory", wide: true, prefetchable: true },
      { index: 10, start: 0x40_0002_0000n, size: 0x2_0000, space: "memory", wide: true, prefetchable: true },
    ]);
  });

  it("leaves a bridge's windows out", () => {
    const window = "0x00000000fe800000 0x00000000fe9fffff 0x0000000000000200";
    const unused = "0x0000000000000000 0x0000000000000000 0x0000000000000000";
    expect(parseResources([...Array<string>(13).fill(unused), window].join("\n"))).toEqual([]);
  });

  it("leaves out a range that the kernel could not place", () => {
    expect(parseResources("0x0000000000000000 0x0000000000003fff 0x0000000020040200")).toEqual([]);
  });

  it("takes any text for what it is, and never fails", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("0", "x", "f", " ", "\n", "g") }), (text) => {
        for (const resource of parseResources(text)) expect(resource.size).toBeGreaterThan(0);
      }),
    );
  });
});
