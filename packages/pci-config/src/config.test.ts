import { describe, expect, it } from "vitest";
import { bytesRegion } from "./bytes.ts";
import { configOf } from "./config.ts";
import { codeOf, list, recordingRegion, space, strictRegion } from "./testing/regions.ts";

const configIn = (size: number, ...parts: Parameters<typeof space>[1][]) =>
  configOf(strictRegion(space(size, ...parts), 10_000));
const codes = (config: ReturnType<typeof configIn>) => config.problems.map(({ code }) => code);

describe("the capability walk", () => {
  it("finds nothing where status says that there is no list", () => {
    expect(configIn(256, [0x34, 0x40], [0x40, 0x01, 0]).capabilities()).toEqual([]);
  });

  it("reports a cycle and keeps what it found", () => {
    const config = configIn(256, ...list(0x40), [0x40, 0x01, 0x48], [0x48, 0x05, 0x40]);
    expect(config.capabilities().map(({ name }) => name)).toEqual(["pm", "msi"]);
    expect(config.problems).toEqual([
      {
        code: "cycle",
        severity: "error",
        offset: 0x49,
        message: "the capability pointer at 0x49 leads back to 0x40",
      },
    ]);
  });

  it("reports a capability that points to itself, in both lists", () => {
    expect(codes(configIn(256, ...list(0x40), [0x40, 0x01, 0x40]))).toEqual(["cycle"]);
    expect(codes(configIn(4096, [0x100, 0x0e, 0, 0x01, 0x10]))).toEqual(["cycle"]);
  });

  it("ignores the reserved low bits of a pointer, and says so", () => {
    const config = configIn(256, ...list(0x43), [0x40, 0x01, 0]);
    expect(config.find("pm")?.offset).toBe(0x40);
    expect(codes(config)).toEqual(["pointer-bits"]);
  });

  it("does not follow pointers into the header or below the extended area", () => {
    expect(codes(configIn(256, ...list(0x20)))).toEqual(["pointer-range"]);
    expect(codes(configIn(4096, [0x100, 0x0e, 0, 0x01, 0x08]))).toEqual(["pointer-range"]);
  });

  it("stops at a capability that is not there", () => {
    const config = configIn(256, ...list(0x40), [0x40, 0x01, 0x50], [0x50, 0xff, 0xff]);
    expect(config.capabilities().map(({ name }) => name)).toEqual(["pm"]);
    expect(codes(config)).toEqual(["dead-capability"]);
    expect(codes(configIn(4096, [0x100, 0x0e, 0, 0x01, 0x20]))).toEqual(["dead-capability"]);
  });

  it("says that a function is absent, and that a region is too short for its list", () => {
    expect(codes(configOf(bytesRegion(new Uint8Array(256).fill(0xff))))).toContain("absent");
    expect(configOf(bytesRegion(new Uint8Array(256).fill(0xff))).capabilities()).toEqual([]);
    expect(codes(configIn(64, ...list(0x40)))).toEqual(["short-region"]);
    expect(codes(configIn(256, ...list(0x40), [0x0e, 0x05]))).toEqual(["header-type"]);
  });

  it("finds the list of a CardBus bridge where that keeps it", () => {
    const config = configIn(256, [0x06, 0x10], [0x0e, 0x02], [0x14, 0xa0], [0xa0, 0x01, 0]);
    expect(config.find("pm")?.offset).toBe(0xa0);
  });

  it("keeps id and four bytes of what it does not know", () => {
    const config = configIn(256, ...list(0x40), [0x40, 0x77, 0, 0xab, 0xcd]);
    const [unknown] = config.capabilities();
    expect(unknown).toMatchObject({ name: "unknown", id: 0x77, offset: 0x40, length: 4 });
    expect([...unknown!.bytes()]).toEqual([0x77, 0, 0xab, 0xcd]);
    expect(config.problems.map(({ code, severity }) => [code, severity])).toEqual([
      ["unknown-id", "warning"],
    ]);
  });

  it("walks the extended list, versions included", () => {
    const config = configIn(
      4096,
      [0x100, 0x01, 0x00, 0x02, 0x14],
      [0x140, 0x03, 0x00, 0x01, 0x00, 1, 2, 3, 4, 5, 6, 7, 8],
    );
    expect(config.extendedCapabilities().map(({ name, version, offset }) => [name, version, offset])).toEqual(
      [
        ["aer", 2, 0x100],
        ["serialNumber", 1, 0x140],
      ],
    );
    expect(config.findExtended("serialNumber")?.high).toBe(0x08070605);
    expect(config.findExtended("sriov")).toBeUndefined();
    expect(config.problems).toEqual([]);
  });

  it("reads only what it needs to find the first of a name", () => {
    const { region, log } = recordingRegion(space(256, ...list(0x40), [0x40, 0x01, 0x50], [0x50, 0x05, 0]));
    configOf(region).find("pm");
    expect(log).toEqual(["read32 0x0", "read16 0x6", "read8 0xe", "read8 0x34", "read16 0x40"]);
  });
});

describe("capability lengths (row R7)", () => {
  const lengthOf = (size: number, ...parts: Parameters<typeof space>[1][]) => {
    const config = configIn(size, ...list(0x40), ...parts);
    return config.capabilities()[0]?.length;
  };

  it.each([
    ["pm", 8, [0x01, 0]],
    ["agp", 12, [0x02, 0]],
    ["vpd", 8, [0x03, 0]],
    ["slotId", 4, [0x04, 0]],
    ["msi, 32-bit", 10, [0x05, 0, 0x00, 0x00]],
    ["msi, 64-bit", 14, [0x05, 0, 0x80, 0x00]],
    ["msi, 32-bit, masks", 20, [0x05, 0, 0x00, 0x01]],
    ["msi, 64-bit, masks", 24, [0x05, 0, 0x80, 0x01]],
    ["msi, 64-bit, extended data", 16, [0x05, 0, 0x80, 0x02]],
    ["pcix", 8, [0x07, 0]],
    ["pcix with ECC", 24, [0x07, 0, 0x00, 0x10]],
    ["hyperTransport", 28, [0x08, 0]],
    ["vendor, from its own byte", 20, [0x09, 0, 20]],
    ["pcie 1 endpoint", 0x14, [0x10, 0, 0x01, 0x00]],
    ["pcie 1 integrated endpoint", 0x0c, [0x10, 0, 0x91, 0x00]],
    ["pcie 1 downstream port with slot", 0x1c, [0x10, 0, 0x61, 0x01]],
    ["pcie 1 root port", 0x24, [0x10, 0, 0x41, 0x00]],
    ["pcie 2 endpoint", 0x3c, [0x10, 0, 0x02, 0x00]],
    ["pcie 2 integrated endpoint", 0x2c, [0x10, 0, 0x92, 0x00]],
    ["msix", 12, [0x11, 0]],
    ["advancedFeatures", 6, [0x13, 0]],
  ] as const)("%s: %i bytes", (_name, length, bytes) => {
    expect(lengthOf(256, [0x40, ...bytes])).toBe(length);
  });

  it("does not believe a length that cannot be true", () => {
    const config = configIn(256, ...list(0x40), [0x40, 0x09, 0, 2]);
    expect(config.capabilities()[0]?.length).toBe(4);
    expect(codes(config)).toEqual(["impossible-length"]);
    expect(codes(configIn(4096, [0x100, 0x0b, 0, 0x01, 0x00, 0, 0, 0x40, 0]))).toEqual(["impossible-length"]);
  });

  it("cuts a capability at the end of its area, and refuses the registers behind it", () => {
    const config = configIn(4096, ...list(0xfc), [0xfc, 0x11, 0, 0x07, 0x80]);
    const msix = config.find("msix")!;
    expect(msix.length).toBe(4);
    expect(msix.control.tableSize).toBe(7);
    expect(codeOf(() => msix.table)).toBe("ERR_CAPABILITY");
    expect(codes(config)).toEqual(["past-end"]);
  });

  it("reads no length that lies behind the end", () => {
    const config = configIn(4096, [0x100, 0x0e, 0, 0xc1, 0xff], [0xffc, 0x0b, 0, 0x01, 0]);
    expect(config.findExtended("vsec")).toMatchObject({ offset: 0xffc, length: 4 });
    expect(codes(config)).toEqual(["past-end"]);
  });
});

describe("registers that depend on a trait", () => {
  it("are undefined without it, and cannot be assigned", () => {
    const msi = configIn(256, ...list(0x40), [0x40, 0x05, 0, 0, 0]).find("msi")!;
    expect([msi.addressHi, msi.mask, msi.pending]).toEqual([undefined, undefined, undefined]);
    expect(
      codeOf(() => {
        msi.mask = 1;
      }),
    ).toBe("ERR_NOT_SUPPORTED");
  });

  it("move with it: the data of MSI lies behind the upper address", () => {
    const bytes = space(256, ...list(0x40), [0x40, 0x05, 0, 0x80, 0x01]);
    const msi = configOf(bytesRegion(bytes)).find("msi")!;
    msi.addressLo = 0xfee00000;
    msi.addressHi = 1;
    msi.data = 0x4041;
    msi.mask = 0xfffffffe;
    expect(Buffer.from(bytes.subarray(0x44, 0x54)).toString("hex")).toBe("0000e0fe0100000041400000feffffff");
  });
});

describe("the config map", () => {
  it("tells the owner of each byte", () => {
    const map = configIn(256, ...list(0x40), [0x40, 0x01, 0x50], [0x50, 0x05, 0]).map();
    expect(map.ownerOf(0)?.name).toBe("header");
    expect(map.ownerOf(0x3f)?.name).toBe("header");
    expect(map.ownerOf(0x47)?.name).toBe("pm");
    expect(map.ownerOf(0x48)).toBeUndefined();
    expect(map.ownerOf(0x59)).toMatchObject({ name: "msi", offset: 0x50, length: 10 });
    expect(map.ownerOf(0x5a)).toBeUndefined();
    expect(codeOf(() => map.ownerOf(256))).toBe("ERR_OUT_OF_RANGE");
    expect(map.owners.map(({ name }) => name)).toEqual(["header", "pm", "msi"]);
  });

  it("gives a byte that two claim to the later one, and reports it once", () => {
    const config = configIn(256, ...list(0x40), [0x40, 0x01, 0x44], [0x44, 0x05, 0]);
    expect(config.map().ownerOf(0x44)?.name).toBe("msi");
    expect(config.problems).toMatchObject([{ code: "overlap", severity: "warning", offset: 0x44 }]);
  });
});

it("a config space has at least a header", () => {
  expect(codeOf(() => configOf(bytesRegion(new Uint8Array(63))))).toBe("ERR_INVALID_ARGUMENT");
  expect(configIn(64, [0x09, 0x02, 0x08, 0x01]).classCode).toBe(0x010802);
});
