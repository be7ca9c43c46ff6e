import { describe, expect, it } from "vitest";
import { expressFunction } from "../testing/express-function.ts";

type Pcie = { capabilities: { version: number; portType: number; flitMode?: boolean } };

function aerOf(pcie: Pcie, deviceCapabilities2 = 0, registers = {}) {
  const config = expressFunction({ ...pcie, deviceCapabilities2 }, { name: "aer", version: 2, registers });
  return config.findExtended("aer")!;
}

const endpoint = { capabilities: { version: 2, portType: 0 } };
const rootPort = { capabilities: { version: 2, portType: 4 } };
const HAS_PREFIXES = 1 << 21;

describe("advanced error reporting", () => {
  it("ends with the header log in an endpoint", () => {
    const aer = aerOf(endpoint, 0, { uncorrectableStatus: { translationBlocked: true }, headerLog3: 7 });
    expect(aer.length).toBe(0x2c);
    expect(aer.uncorrectableStatus).toMatchObject({ raw: 0x8000_0000, translationBlocked: true });
    expect(aer.headerLog3).toBe(7);
    expect([aer.rootStatus, aer.prefixLog0, aer.headerLog4]).toEqual([undefined, undefined, undefined]);
  });

  it("has the errors of a hierarchy in root ports and event collectors", () => {
    for (const portType of [4, 10]) {
      const aer = aerOf({ capabilities: { version: 2, portType } }, 0, {
        rootStatus: { uncorrectable: true, firstFatal: true, interruptMessage: 3 },
        errorSource: { uncorrectable: 0x0100 },
      });
      expect(aer.length).toBe(0x38);
      expect(aer.rootStatus).toMatchObject({ raw: 0x1800_0014, firstFatal: true, interruptMessage: 3 });
      expect(aer.errorSource?.uncorrectable).toBe(0x0100);
    }
  });

  it("clears a received error without losing another", () => {
    const aer = aerOf(rootPort, 0, { rootStatus: { correctable: true, fatal: true } });
    aer.rootStatus!.update({ correctable: true });
    // The region is plain memory: it shows what was written, ones for what is to be cleared.
    expect(aer.rootStatus!.raw).toBe(1);
  });

  it("logs prefixes where the function takes them, and long headers in flit mode", () => {
    const withPrefixes = aerOf(endpoint, HAS_PREFIXES, { prefixLog3: 9 });
    expect([withPrefixes.length, withPrefixes.prefixLog3]).toEqual([0x48, 9]);
    const inFlits = aerOf({ capabilities: { version: 2, portType: 0, flitMode: true } }, 0, {
      headerLog13: 5,
    });
    expect([inFlits.length, inFlits.headerLog13, inFlits.prefixLog0]).toEqual([0x60, 5, undefined]);
  });

  it("has the longer header log where prefixes would be, of what has both", () => {
    const both = aerOf({ capabilities: { version: 2, portType: 0, flitMode: true } }, HAS_PREFIXES, {
      headerLog7: 5,
    });
    expect([both.length, both.headerLog7, both.prefixLog0]).toEqual([0x60, 5, undefined]);
  });
});
