import { capability } from "../capability.ts";
import { address, bits, fieldOf, flag, register, value } from "../table.ts";

const section = "AMD IOMMU 3.11, 3.2";
const IOMMU = 3;

const header = register(0x02, 16, section, "Capability Header", {
  type: bits(2, 0, "RO", "Type of the block", [undefined, undefined, undefined, "IOMMU"]),
  revision: bits(7, 3, "RO", "Revision"),
  deviceTlbs: flag(8, "RO", "Device-side TLBs (ATS)"),
  tunnel: flag(9, "RO", "HyperTransport tunnel translation"),
  cachesNotPresent: flag(10, "RO", "Entries that are not present are cached"),
  extendedFeatures: flag(11, "RO", "Has the extended feature register"),
  extended: flag(12, "RO", "Has the second miscellaneous register"),
});

const iommu = { when: "iommu" } as const;

/** Secure device: the capability block of an AMD IOMMU. Of other types only the header is known. */
export const secureDevice = capability({
  id: 0x0f,
  title: "Secure Device",
  traits: function* (region, offset) {
    const bits = region.read16(offset + header.offset);
    if (fieldOf(header.fields.type, bits) !== IOMMU) return;
    yield "iommu";
    if (fieldOf(header.fields.extended, bits) === 1) yield "extended";
  },
  length: (_region, _offset, traits) => {
    if (!traits.has("iommu")) return 4;
    return traits.has("extended") ? 24 : 20;
  },
  registers: {
    header,
    baseLo: register(
      0x04,
      32,
      section,
      "Base Address Low",
      {
        enable: flag(0, "RW", "Registers decode; once set, it and the address are locked"),
        address: address(31, 14, "RW", "Address of the registers, lower half"),
      },
      iommu,
    ),
    baseHi: value(0x08, 32, section, "Base Address High", "RW", iommu),
    range: register(
      0x0c,
      32,
      section,
      "Range",
      {
        unitId: bits(4, 0, "RO", "HyperTransport UnitID"),
        valid: flag(7, "RO", "Bus and devices are valid"),
        bus: bits(15, 8, "RO", "Bus number"),
        first: bits(23, 16, "RO", "First device and function"),
        last: bits(31, 24, "RO", "Last device and function"),
      },
      iommu,
    ),
    miscellaneous0: register(
      0x10,
      32,
      section,
      "Miscellaneous Information 0",
      {
        eventMessage: bits(4, 0, "RO", "MSI message of events"),
        guestAddressSize: bits(7, 5, "RO", "Guest virtual address size", [undefined, undefined, "48 bits"]),
        physicalAddressSize: bits(14, 8, "RO", "Physical address size, in bits"),
        virtualAddressSize: bits(21, 15, "RO", "Virtual address size, in bits"),
        reservedRange: flag(22, "RW", "The address range of ATS responses is reserved"),
        requestMessage: bits(31, 27, "RO", "MSI message of page requests"),
      },
      iommu,
    ),
    miscellaneous1: register(
      0x14,
      32,
      section,
      "Miscellaneous Information 1",
      { guestMessage: bits(4, 0, "RO", "MSI message of the guest virtual APIC log") },
      { when: "extended" },
    ),
  },
});
