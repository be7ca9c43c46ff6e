/** A register of the header by the name that setpci has for it. */
export interface NamedRegister {
  readonly name: string;
  readonly offset: number;
  readonly width: 8 | 16 | 32;
  /** Header layouts that have it; undefined for all. */
  readonly layouts?: readonly number[];
}

const endpoint = [0] as const;
const notCardBus = [0, 1] as const;
const bridge = [1] as const;
const cardBus = [2] as const;

const row = (
  name: string,
  offset: number,
  width: 8 | 16 | 32,
  layouts?: readonly number[],
): NamedRegister => ({
  name,
  offset,
  width,
  ...(layouts && { layouts }),
});

/** The registers that `setpci --dumpregs` of pciutils 3.15 lists, in its order, and the headers on which it takes them. */
export const namedRegisters: readonly NamedRegister[] = [
  row("VENDOR_ID", 0x00, 16),
  row("DEVICE_ID", 0x02, 16),
  row("COMMAND", 0x04, 16),
  row("STATUS", 0x06, 16),
  row("REVISION", 0x08, 8),
  row("CLASS_PROG", 0x09, 8),
  row("CLASS_DEVICE", 0x0a, 16),
  row("CACHE_LINE_SIZE", 0x0c, 8),
  row("LATENCY_TIMER", 0x0d, 8),
  row("HEADER_TYPE", 0x0e, 8),
  row("BIST", 0x0f, 8),
  row("BASE_ADDRESS_0", 0x10, 32, notCardBus),
  row("BASE_ADDRESS_1", 0x14, 32, notCardBus),
  row("BASE_ADDRESS_2", 0x18, 32, endpoint),
  row("BASE_ADDRESS_3", 0x1c, 32, endpoint),
  row("BASE_ADDRESS_4", 0x20, 32, endpoint),
  row("BASE_ADDRESS_5", 0x24, 32, endpoint),
  row("CARDBUS_CIS", 0x28, 32, endpoint),
  row("SUBSYSTEM_VENDOR_ID", 0x2c, 16, endpoint),
  row("SUBSYSTEM_ID", 0x2e, 16, endpoint),
  row("ROM_ADDRESS", 0x30, 32, endpoint),
  row("CAPABILITIES", 0x34, 8, notCardBus),
  row("INTERRUPT_LINE", 0x3c, 8, notCardBus),
  row("INTERRUPT_PIN", 0x3d, 8, notCardBus),
  row("MIN_GNT", 0x3e, 8, endpoint),
  row("MAX_LAT", 0x3f, 8, endpoint),
  row("PRIMARY_BUS", 0x18, 8, bridge),
  row("SECONDARY_BUS", 0x19, 8, bridge),
  row("SUBORDINATE_BUS", 0x1a, 8, bridge),
  row("SEC_LATENCY_TIMER", 0x1b, 8, bridge),
  row("IO_BASE", 0x1c, 8, bridge),
  row("IO_LIMIT", 0x1d, 8, bridge),
  row("SEC_STATUS", 0x1e, 16, bridge),
  row("MEMORY_BASE", 0x20, 16, bridge),
  row("MEMORY_LIMIT", 0x22, 16, bridge),
  row("PREF_MEMORY_BASE", 0x24, 16, bridge),
  row("PREF_MEMORY_LIMIT", 0x26, 16, bridge),
  row("PREF_BASE_UPPER32", 0x28, 32, bridge),
  row("PREF_LIMIT_UPPER32", 0x2c, 32, bridge),
  row("IO_BASE_UPPER16", 0x30, 16, bridge),
  row("IO_LIMIT_UPPER16", 0x32, 16, bridge),
  row("BRIDGE_ROM_ADDRESS", 0x38, 32, bridge),
  row("BRIDGE_CONTROL", 0x3e, 16, bridge),
  row("CB_CARDBUS_BASE", 0x10, 32, cardBus),
  row("CB_CAPABILITIES", 0x14, 16, cardBus),
  row("CB_SEC_STATUS", 0x16, 16, cardBus),
  row("CB_BUS_NUMBER", 0x18, 8, cardBus),
  row("CB_CARDBUS_NUMBER", 0x19, 8, cardBus),
  row("CB_SUBORDINATE_BUS", 0x1a, 8, cardBus),
  row("CB_CARDBUS_LATENCY", 0x1b, 8, cardBus),
  row("CB_MEMORY_BASE_0", 0x1c, 32, cardBus),
  row("CB_MEMORY_LIMIT_0", 0x20, 32, cardBus),
  row("CB_MEMORY_BASE_1", 0x24, 32, cardBus),
  row("CB_MEMORY_LIMIT_1", 0x28, 32, cardBus),
  row("CB_IO_BASE_0", 0x2c, 16, cardBus),
  row("CB_IO_BASE_0_HI", 0x2e, 16, cardBus),
  row("CB_IO_LIMIT_0", 0x30, 16, cardBus),
  row("CB_IO_LIMIT_0_HI", 0x32, 16, cardBus),
  row("CB_IO_BASE_1", 0x34, 16, cardBus),
  row("CB_IO_BASE_1_HI", 0x36, 16, cardBus),
  row("CB_IO_LIMIT_1", 0x38, 16, cardBus),
  row("CB_IO_LIMIT_1_HI", 0x3a, 16, cardBus),
  row("CB_SUBSYSTEM_VENDOR_ID", 0x40, 16, cardBus),
  row("CB_SUBSYSTEM_ID", 0x42, 16, cardBus),
  row("CB_LEGACY_MODE_BASE", 0x44, 32, cardBus),
];

/** A capability by the name that setpci has for it. */
export interface NamedCapability {
  readonly name: string;
  readonly kind: "standard" | "extended";
  readonly id: number;
}

const cap = (id: number, name: string): NamedCapability => ({ name: `CAP_${name}`, kind: "standard", id });
const ecap = (id: number, name: string): NamedCapability => ({ name: `ECAP_${name}`, kind: "extended", id });

/** The capabilities that `setpci --dumpregs` of pciutils 3.15 lists, in its order. */
export const namedCapabilities: readonly NamedCapability[] = [
  cap(0x01, "PM"),
  cap(0x02, "AGP"),
  cap(0x03, "VPD"),
  cap(0x04, "SLOTID"),
  cap(0x05, "MSI"),
  cap(0x06, "CHSWP"),
  cap(0x07, "PCIX"),
  cap(0x08, "HT"),
  cap(0x09, "VNDR"),
  cap(0x0a, "DBG"),
  cap(0x0b, "CCRC"),
  cap(0x0c, "HOTPLUG"),
  cap(0x0d, "SSVID"),
  cap(0x0e, "AGP3"),
  cap(0x0f, "SECURE"),
  cap(0x10, "EXP"),
  cap(0x11, "MSIX"),
  cap(0x12, "SATA"),
  cap(0x13, "AF"),
  cap(0x14, "EA"),
  ecap(0x0001, "AER"),
  ecap(0x0002, "VC"),
  ecap(0x0003, "DSN"),
  ecap(0x0004, "PB"),
  ecap(0x0005, "RCLINK"),
  ecap(0x0006, "RCILINK"),
  ecap(0x0007, "RCEC"),
  ecap(0x0008, "MFVC"),
  ecap(0x0009, "VC2"),
  ecap(0x000a, "RBCB"),
  ecap(0x000b, "VNDR"),
  ecap(0x000d, "ACS"),
  ecap(0x000e, "ARI"),
  ecap(0x000f, "ATS"),
  ecap(0x0010, "SRIOV"),
  ecap(0x0011, "MRIOV"),
  ecap(0x0012, "MCAST"),
  ecap(0x0013, "PRI"),
  ecap(0x0015, "REBAR"),
  ecap(0x0016, "DPA"),
  ecap(0x0017, "TPH"),
  ecap(0x0018, "LTR"),
  ecap(0x0019, "SECPCI"),
  ecap(0x001a, "PMUX"),
  ecap(0x001b, "PASID"),
  ecap(0x001c, "LNR"),
  ecap(0x001d, "DPC"),
  ecap(0x001e, "L1PM"),
  ecap(0x001f, "PTM"),
  ecap(0x0020, "M_PCIE"),
  ecap(0x0021, "FRS"),
  ecap(0x0022, "RTR"),
  ecap(0x0023, "DVSEC"),
  ecap(0x0024, "VF_REBAR"),
  ecap(0x0025, "DLNK"),
  ecap(0x0026, "16GT"),
  ecap(0x0027, "LMR"),
  ecap(0x0028, "HIER_ID"),
  ecap(0x0029, "NPEM"),
  ecap(0x002a, "32GT"),
  ecap(0x0030, "IDE"),
  ecap(0x0031, "64GT"),
  ecap(0x0032, "FL"),
];

/** The text of `setpci --dumpregs`: a line for each name. */
export function registerListing(): string[] {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const letters = { 8: "B", 16: "W", 32: "L" } as const;
  return [
    "cap pos w name",
    ...namedRegisters.map(({ name, offset, width }) => `     ${hex(offset, 2)} ${letters[width]} ${name}`),
    ...namedCapabilities.map(({ name, kind, id }) =>
      kind === "standard" ? `  ${hex(id, 2)} 00 - ${name}` : `${hex(id, 4)} 00 - ${name}`,
    ),
  ];
}
