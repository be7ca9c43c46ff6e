import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PciIds } from "./ids.ts";

const text = `# comment
0001  First
\t0001  Its device
8086  Intel Corporation
# between
\t100e  82540EM
\t\t1af4 1100  QEMU Virtual Machine
\t\t8086 001e  PRO/1000 MT
\t100f  82545EM
\t\t8086 1001  Other
ffff  Illegal Vendor ID


C 02  Network controller
\t00  Ethernet controller
C 0c  Serial bus controller
\t03  USB controller
\t\t30  XHCI
\t05  SMBus
`;

describe.each([
  ["\n", text],
  ["\r\n", text.replaceAll("\n", "\r\n")],
])("a database with lines ended by %j", (_end, database) => {
  const ids = PciIds.parse(database);

  it("knows vendors, devices and subsystems, each in its own section", () => {
    expect([ids.vendor(1), ids.vendor(0x8086), ids.vendor(0xffff), ids.vendor(2)]).toEqual([
      "First",
      "Intel Corporation",
      "Illegal Vendor ID",
      undefined,
    ]);
    expect([ids.device(0x8086, 0x100e), ids.device(0x8086, 1), ids.device(2, 1)]).toEqual([
      "82540EM",
      undefined,
      undefined,
    ]);
    expect(ids.subsystem(0x8086, 0x100e, 0x1af4, 0x1100)).toBe("QEMU Virtual Machine");
    expect(ids.subsystem(0x8086, 0x100e, 0x8086, 0x1001)).toBeUndefined();
  });

  it("knows classes and programming interfaces", () => {
    expect([ids.baseClass(2), ids.subClass(0x0200), ids.subClass(0x0205)]).toEqual([
      "Network controller",
      "Ethernet controller",
      undefined,
    ]);
    expect([ids.programmingInterface(0x0c03, 0x30), ids.programmingInterface(0x0c05, 0x30)]).toEqual([
      "XHCI",
      undefined,
    ]);
  });
});

it("reads a first line that is a vendor, and a last one without an end", () => {
  const ids = PciIds.parse("0001  First\n\t0002  Last");
  expect([ids.vendor(1), ids.device(1, 2), ids.device(1, 3)]).toEqual(["First", "Last", undefined]);
});

it("decodes the names that are asked for", () => {
  const ids = PciIds.parse("0001  n\u00c3\u00a9e\n", (letters) => Buffer.from(letters, "latin1").toString());
  expect(ids.vendor(1)).toBe("n\u00e9e");
});

it("takes any text for a database", () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(0xffff), fc.nat(0xffff), (words, vendor, device) => {
      const ids = PciIds.parse(words);
      ids.subsystem(vendor, device, vendor, device);
      ids.programmingInterface(vendor, device & 0xff);
    }),
  );
});

/** A database of entries in the order that they are given in, each with a device. */
const databaseOf = (vendors: readonly number[]): string =>
  vendors.map((vendor) => `${hex(vendor)}  Vendor ${vendor}\n\t0001  Device of ${vendor}\n`).join("");

const hex = (value: number): string => value.toString(16).padStart(4, "0");

it("finds every vendor and none other, in order or not", () => {
  const vendors = fc.uniqueArray(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 });
  const anyOrder = fc.oneof(
    vendors,
    vendors.map((list) => list.toSorted((a, b) => a - b)),
  );
  fc.assert(
    fc.property(anyOrder, fc.integer({ min: 0, max: 0xffff }), fc.boolean(), (listed, other, headed) => {
      const ids = PciIds.parse(`${headed ? "# head\n" : ""}${databaseOf(listed)}C 02  Network controller\n`);
      for (const vendor of listed) {
        expect([ids.vendor(vendor), ids.device(vendor, 1)]).toEqual([
          `Vendor ${vendor}`,
          `Device of ${vendor}`,
        ]);
      }
      expect(ids.vendor(other)).toBe(listed.includes(other) ? `Vendor ${other}` : undefined);
      expect([ids.baseClass(2), ids.baseClass(3)]).toEqual(["Network controller", undefined]);
    }),
  );
});
