import { describe, expect, it } from "vitest";
import { withExtended } from "../testing/extended-space.ts";

const dpcOf = (dwords: readonly number[]) =>
  withExtended("downstreamContainment", dwords).findExtended("downstreamContainment")!;
const ROOT = 0x20;

describe("downstream port containment", () => {
  it("ends with its source below a switch", () => {
    const dpc = dpcOf([0x0001_0040, 0x0100_0005]);
    expect(dpc.length).toBe(0x0c);
    expect(dpc.control.trigger).toBe(1);
    expect(dpc.status).toMatchObject({ triggered: true, reason: 2 });
    expect(dpc.errorSource).toBe(0x100);
    expect(dpc.programmedIoStatus).toBeUndefined();
  });

  it("has as much log in a root port as it says", () => {
    const prefixed = dpcOf([(6 << 8) | ROOT, 0, 0x0004_0000, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
    expect(prefixed.length).toBe(0x38);
    expect(prefixed.programmedIoStatus).toMatchObject({ memoryTimeout: true, memoryAbort: false });
    const { headerLog3, implementationLog, prefixLog0, prefixLog1 } = prefixed;
    expect([headerLog3, implementationLog, prefixLog0, prefixLog1]).toEqual([4, 5, 6, undefined]);
    const plain = dpcOf([(4 << 8) | ROOT]);
    expect([plain.length, plain.headerLog0, plain.implementationLog]).toEqual([0x30, 0, undefined]);
  });
});
