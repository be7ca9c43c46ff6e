import {
  type ConfigSpace,
  commonHeader,
  extendedCapabilities,
  RegisterSet,
  type RegisterSpec,
  type RegisterTable,
  type Span,
  standardCapabilities,
  type0Header,
} from "@userpci/pci-config";

/** What a write of software does to each byte of a config space. Bits of none of them are read-only. */
export interface RegisterMasks {
  /** Bits that keep what is written. */
  readonly writable: Uint8Array;
  /** Bits that are cleared by writing 1. */
  readonly clearing: Uint8Array;
  /** Bits that survive a reset. */
  readonly sticky: Uint8Array;
}

type Rows = Readonly<
  Record<
    string,
    {
      readonly registers: RegisterTable;
      readonly lists: Readonly<Record<string, { readonly registers: RegisterTable }>>;
    }
  >
>;

const tables: Readonly<Record<"standard" | "extended", Rows>> = {
  standard: standardCapabilities,
  extended: extendedCapabilities,
};

/**
 * Derives what writes do from the access kinds of the register tables: of the header, of every capability that a table
 * has, and of their lists. Bytes that no table has are read-only, as a vendor's own that no model answers.
 *
 * @param config as the device has it after power-on
 */
export function registerMasks(config: ConfigSpace): RegisterMasks {
  const { size } = config;
  const masks = {
    writable: new Uint8Array(size),
    clearing: new Uint8Array(size),
    sticky: new Uint8Array(size),
  };
  const header = RegisterSet.spanOf(config);
  for (const table of [commonHeader, type0Header]) addTable(masks, header, table);
  for (const capability of [...config.capabilities(), ...config.extendedCapabilities()]) {
    const spec = tables[capability.kind][capability.name];
    if (spec === undefined) continue;
    addTable(masks, RegisterSet.spanOf(capability), spec.registers);
    for (const [name, { registers }] of Object.entries(spec.lists)) {
      const turns: unknown = Reflect.get(capability, name);
      for (const turn of turns as readonly RegisterSet[])
        addTable(masks, RegisterSet.spanOf(turn), registers);
    }
  }
  withdraw(masks, config);
  return masks;
}

function addTable(masks: RegisterMasks, span: Span, table: RegisterTable): void {
  for (const spec of Object.values(table)) {
    if (spec.when !== undefined && !span.traits.has(spec.when)) continue;
    const moved = spec.moved !== undefined && span.traits.has(spec.moved.when) ? spec.moved.by : 0;
    const at = span.offset + spec.offset + moved;
    if (at + spec.width / 8 > Math.min(span.offset + span.length, masks.writable.length)) continue;
    for (const [access, bits] of accessesOf(spec)) addBits(masks, at, access, bits);
  }
}

/** The access kinds of a register's bits: reserved ones have none. */
function* accessesOf(spec: RegisterSpec): Generator<readonly [access: string, bits: number]> {
  if (spec.kind === "value") {
    yield [spec.access, ~(spec.reservedBits ?? 0) & (0xffff_ffff >>> (32 - spec.width))];
    return;
  }
  for (const { access, lo, hi } of Object.values(spec.fields)) {
    yield [access, (0xffff_ffff >>> (31 - (hi - lo))) << lo];
  }
}

function addBits(masks: RegisterMasks, at: number, access: string, bits: number): void {
  for (let byte = 0; byte < 4; byte++) {
    const part = (bits >>> (8 * byte)) & 0xff;
    if (part === 0) continue;
    if (access.startsWith("RW1C")) masks.clearing[at + byte]! |= part;
    else if (access.startsWith("RW")) masks.writable[at + byte]! |= part;
    if (access.endsWith("S")) masks.sticky[at + byte]! |= part;
  }
}

const { bist } = commonHeader;
const { bar0, rom } = type0Header;
const { deviceControl } = standardCapabilities.pcie.registers;
const { control: resetControl } = standardCapabilities.advancedFeatures.registers;

/** Takes back what a device under a provider never keeps: orders, which read 0 once they are carried out, and where BARs answer. */
function withdraw({ writable }: RegisterMasks, config: ConfigSpace): void {
  const pcie = config.find("pcie");
  const advanced = config.find("advancedFeatures");
  const orders = [
    [0, bist, bist.fields.start.lo],
    [pcie?.offset, deviceControl, deviceControl.fields.functionLevelReset.lo],
    [advanced?.offset, resetControl, resetControl.fields.functionLevelReset.lo],
  ] as const;
  for (const [base, { offset }, bit] of orders) {
    if (base === undefined) continue;
    const at = base + offset + (bit >> 3);
    if (at < writable.length) writable[at]! &= ~(1 << (bit & 7));
  }
  writable.fill(0, bar0.offset, bar0.offset + 24);
  writable.fill(0, rom.offset, rom.offset + 4);
}
