import { describe, expect, it } from "vitest";
import { Names } from "./names.ts";

const database = `# comment
10de  NVIDIA Corporation
\t0020  NV4 [Riva TNT]
\t\t1043 0200  V3400 TNT
8086  Intel Corporation
\t10d3  82574L Gigabit Network Connection
C 02  Network controller
\t00  Ethernet controller
`;

describe("Names", () => {
  const names = new Names(database);

  it("knows vendors and their devices", () => {
    expect(names.vendor(0x10de)).toBe("NVIDIA Corporation");
    expect(names.device(0x10de, 0x0020)).toBe("NV4 [Riva TNT]");
    expect(names.device(0x8086, 0x10d3)).toBe("82574L Gigabit Network Connection");
  });

  it("does not take another vendor's device, a subsystem or a class for one", () => {
    expect(names.device(0x10de, 0x10d3)).toBeUndefined();
    expect(names.vendor(0x1043)).toBeUndefined();
    expect(names.device(0x8086, 0x0000)).toBeUndefined();
  });

  it("knows nothing without a database", () => {
    expect(Names.read("/nonexistent").vendor(0x8086)).toBeUndefined();
  });
});
