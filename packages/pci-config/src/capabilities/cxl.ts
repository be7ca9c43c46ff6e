import { address, bits, flag, register, value } from "../table.ts";
import { list } from "../view.ts";

/** Vendor id of the DVSECs of Compute Express Link (CXL 3.1, 8.1.1). */
export const CXL_VENDOR = 0x1e98;

/** The traits of CXL's DVSECs, by id (CXL 3.1, table 8-2); ids between them are free. */
const names: Readonly<Record<number, string>> = {
  0: "cxlDevice",
  2: "cxlFunctionMap",
  3: "cxlPort",
  4: "cxlGpfPort",
  5: "cxlGpfDevice",
  7: "cxlFlexBus",
  8: "cxlLocator",
  9: "cxlLogicalDevices",
  10: "cxlTest",
};

/** What the headers of a DVSEC make it, if it is CXL's, and with a number behind it each revision that it has reached: `cxlDevice`, `cxlDevice1`. */
export function* cxlTraits(vendorId: number, revision: number, dvsecId: number): Generator<string> {
  const name = names[dvsecId];
  if (vendorId !== CXL_VENDOR || name === undefined) return;
  yield name;
  for (let reached = 1; reached <= revision; reached++) yield `${name}${reached}`;
}

const logicalDevices = { when: "cxlLogicalDevices" } as const;
const test = { when: "cxlTest" } as const;
const testing = "CXL 3.1, 14.16.1";

/** Registers of the DVSECs for several logical devices (id 9) and for tests (id 0xa). */
export const cxlRegisters = {
  logicalDevices: value(0x0a, 16, "CXL 3.1, 8.1.10.1", "Number of LD Supported", "HwInit", logicalDevices),
  hotResetVector: value(0x0c, 16, "CXL 3.1, 8.1.10.2", "LD-ID Hot Reset Vector", "RW", logicalDevices),
  testLock: register(
    0x0a,
    16,
    testing,
    "DVSEC CXL Test Lock",
    { lock: flag(0, "RW", "Locks the configuration until reset") },
    test,
  ),
  testCapability1: value(0x0c, 32, testing, "DVSEC CXL Test Capability1", "RO", test),
  testCapability2: value(0x10, 16, testing, "DVSEC CXL Test Capability2", "RO", test),
  testBaseLow: register(
    0x14,
    32,
    testing,
    "DVSEC CXL Test Configuration Base Low",
    {
      io: flag(0, "RO", "I/O space: always off"),
      type: bits(2, 1, "RO", "Width of the address", ["32 bits", undefined, "64 bits"]),
      base: address(31, 4, "RW", "Address, its lower half"),
    },
    test,
  ),
  testBaseHigh: value(0x18, 32, testing, "DVSEC CXL Test Configuration Base High", "RW", test),
} as const;

/** Which devices of the bus have no CXL at a function number (id 2), for each of the eight. */
export const cxlFunctionMap = {
  devices: value(0x00, 32, "CXL 3.1, 8.1.4", "Non-CXL Function Map: a bit for each device", "HwInit"),
} as const;

/** Bytes at which the function maps lie, by function number. */
export const FUNCTION_MAPS = Array.from({ length: 8 }, (_, map) => 0x0c + 4 * map);

/** The function maps. */
export const cxlFunctionMaps = list(cxlFunctionMap, ({ traits }) =>
  traits.has("cxlFunctionMap") ? FUNCTION_MAPS : [],
);

/** First byte of the blocks in a register locator. */
export const FIRST_BLOCK = 0x0c;
/** Bytes of a block. */
export const BLOCK = 8;

/** A block of registers that lies in a BAR (id 8). */
export const cxlBlock = {
  low: register(0x00, 32, "CXL 3.1, 8.1.9.1", "Register Offset Low", {
    bar: bits(2, 0, "HwInit", "BAR that holds the block"),
    id: bits(15, 8, "HwInit", "What the block holds", [
      "nothing",
      "component registers",
      "BAR virtualization ACL",
      "device registers",
      "performance monitoring unit",
      "CHMU registers",
    ]),
    offset: address(31, 16, "HwInit", "Bytes into the BAR, lower half"),
  }),
  offsetHigh: value(0x04, 32, "CXL 3.1, 8.1.9.2", "Register Offset High", "HwInit"),
} as const;

/** The blocks of a register locator: as many as its length has room for. */
export const cxlBlocks = list(cxlBlock, function* ({ traits, length }) {
  if (!traits.has("cxlLocator")) return;
  for (let at = FIRST_BLOCK; at + BLOCK <= length; at += BLOCK) yield at;
});
