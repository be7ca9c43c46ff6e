import { describe, expect, it } from "vitest";
import { buildSpace } from "./builder/build.ts";
import { bytesRegion } from "./bytes.ts";
import { check } from "./check.ts";
import { className } from "./classes.ts";
import { configOf } from "./config.ts";
import { toBytes } from "./content.ts";
import { describe as describeConfig } from "./describe.ts";
import { formatConfig } from "./format.ts";
import { snapshotOf } from "./snapshot.ts";
import { readCaptures } from "./testing/captures.ts";
import { withExtended } from "./testing/extended-space.ts";
import { codeOf, recordingRegion, space, strictRegion } from "./testing/regions.ts";

const captures = readCaptures("real");
const bytesOf = (address: string): Uint8Array => captures.get(address)!.bytes;

describe("describe", () => {
  it("is plain data: JSON gives the same back", () => {
    for (const { bytes } of captures.values()) {
      const description = describeConfig(configOf(bytesRegion(bytes)));
      expect(JSON.parse(JSON.stringify(description))).toEqual(description);
    }
  });

  it("has raw values, fields and words of the NVMe controller", () => {
    const description = describeConfig(configOf(bytesRegion(bytesOf("0000:03:00.0"))), {
      barSizes: [0x4000],
    });
    expect(description).toMatchObject({
      size: 4096,
      vendorId: 0x1b36,
      deviceId: 0x0010,
      subsystemVendorId: 0x1af4,
      subsystemId: 0x1100,
      classCode: 0x010802,
      className: "non-volatile memory controller",
      vectors: { intx: 1, msi: 0, msix: 65 },
      msix: {
        vectors: 65,
        table: { bar: 0, offset: 0x2000, size: 1040 },
        pba: { bar: 0, offset: 0x3000, size: 16 },
      },
      problems: [],
    });
    expect(description.bars).toMatchObject([{ index: 0, kind: "memory64", size: 0x4000 }]);
    const pcie = description.capabilities.find(({ name }) => name === "pcie");
    expect(pcie?.registers.capabilities).toEqual({
      offset: pcie!.offset + 2,
      width: 16,
      raw: 2,
      fields: { version: 2, portType: 0, slotImplemented: false, interruptMessage: 0, flitMode: false },
      words: { portType: "endpoint" },
    });
    expect(pcie?.bytes.length).toBe(2 * 0x3c);
  });

  it("reads each dword once, and none that nobody owns", () => {
    const { region, log } = recordingRegion(bytesOf("0000:03:00.0").slice());
    const description = describeConfig(configOf(region));
    expect(new Set(log).size).toBe(log.length);
    expect(log.every((entry) => entry.startsWith("read32"))).toBe(true);
    const { capabilities, extendedCapabilities } = description;
    const owned = [...capabilities, ...extendedCapabilities].reduce(
      (sum, { length }) => sum + Math.ceil(length / 4),
      16,
    );
    expect(log.length).toBeLessThanOrEqual(owned + 1);
  });

  it("reads no register whose reading has effects, until it is asked for", () => {
    const firmware = withExtended("systemFirmware", [0, 0, 0, 0x5678_1234]);
    const { region, log } = recordingRegion(toBytes(firmware));
    const config = configOf(region);
    const [described] = describeConfig(config).extendedCapabilities;
    expect(Object.keys(described!.registers)).toEqual(["capabilities", "control", "status", "camAddress"]);
    expect(described!.bytes.slice(-8)).toBe("00000000");
    expect(log).toContain("read32 0x10c");
    expect(log).not.toContain("read32 0x110");
    expect(check(config)).toEqual([]);
    expect(log.filter((entry) => Number(entry.split(" ")[1]) === 0x110)).toEqual([]);
    expect(config.findExtended("systemFirmware")!.camData).toBe(0x5678_1234);
    expect(log.at(-1)).toBe("read32 0x110");
  });

  it("leaves out what a cut-off capability does not have", () => {
    const cut = space(256, [0x06, 0x10], [0x34, 0xfc], [0xfc, 0x11, 0, 7, 0]);
    const description = describeConfig(configOf(bytesRegion(cut)));
    expect(Object.keys(description.capabilities[0]!.registers)).toEqual(["control"]);
    expect(description.msix).toBeUndefined();
    expect(description.problems.map(({ code }) => code)).toEqual(["past-end"]);
  });

  it("says nothing of vectors where an ordinary user may read 64 bytes only", () => {
    const description = describeConfig(configOf(bytesRegion(bytesOf("0000:03:00.0").slice(0, 64))));
    expect(description).toMatchObject({ size: 64, vendorId: 0x1b36, capabilities: [] });
    expect(description.vectors).toBeUndefined();
    expect(description.problems.map(({ code }) => code)).toEqual(["short-region"]);
  });
});

describe("formatConfig", () => {
  it("shows edu on a screen", () => {
    const config = configOf(bytesRegion(bytesOf("0000:00:04.0")));
    expect(formatConfig(describeConfig(config, { barSizes: [0x10_0000] }))).toEqual([
      "1234:11e8  unclassified device (00ff00), revision 10, endpoint, 256 bytes",
      "subsystem  1af4:1100",
      "command  0x0103  io, memory, systemError",
      "status  0x0010  capabilitiesList, deviceSelectTiming fast",
      "interrupt  pin A, line 10",
      "bar 0  memory32 at 0xfde00000, 1 MiB",
      "vectors  INTx 1, MSI 1, MSI-X 0",
      "Message Signaled Interrupts (msi) at 0x40, 14 bytes",
      "  control  0x0080  multipleCapable 1 vector, multipleEnable 1 vector, address64",
      "  addressLo  0x00000000",
      "  addressHi  0x00000000",
      "  data  0x0000",
    ]);
  });

  it("shows the registers of a list with their turn", () => {
    const bytes = buildSpace({
      vendorId: 0x1234,
      deviceId: 0x11e8,
      capabilities: [{ name: "pcie" }],
      extendedCapabilities: [
        { name: "shadowFunctions", lists: { functions: [{}, { instance: { distance: 5 } }] } },
      ],
    });
    expect(formatConfig(describeConfig(configOf(bytesRegion(bytes)))).slice(-5)).toEqual([
      "Shadow Functions (shadowFunctions) at 0x100, 20 bytes, version 1",
      "  capabilities  0x00000001  functions 1",
      "  control  0x00000000",
      "  functions[0].instance  0x00000000",
      "  functions[1].instance  0x00000005  distance 5",
    ]);
  });

  it("shows bytes of what is not decoded, and problems last", () => {
    const config = configOf(
      strictRegion(space(256, [0x06, 0x10], [0x34, 0x40], [0x40, 0x77, 0x40, 1, 2]), 1000),
    );
    expect(formatConfig(describeConfig(config)).slice(-4)).toEqual([
      "unknown capability 0x77 at 0x40, 4 bytes",
      "  77 40 01 02",
      "warning  capability 0x77 at 0x40 is not known",
      "error  the capability pointer at 0x41 leads back to 0x40",
    ]);
  });
});

describe("snapshotOf", () => {
  it("keeps what it read although the source changes, and refuses writes", () => {
    const bytes = space(66, [0, 1, 2, 3, 4], [64, 9, 8]);
    const still = snapshotOf(bytesRegion(bytes));
    expect(still.read16(2)).toBe(0x0403);
    bytes.fill(0xff);
    expect(still.read32(0)).toBe(0x04030201);
    expect(still.read8(64)).toBe(0xff);
    expect(codeOf(() => still.read32(64))).toBe("ERR_OUT_OF_RANGE");
    expect(codeOf(() => still.read16(1))).toBe("ERR_MISALIGNED");
    expect(codeOf(() => still.write8(0, 0))).toBe("ERR_NOT_SUPPORTED");
  });
});

describe("className", () => {
  it("names the sub-class, else the base class", () => {
    expect(className(0x010802)).toBe("non-volatile memory controller");
    expect(className(0x02ff00)).toBe("network controller");
    expect(className(0x990000)).toBe("unknown class");
  });
});
