import { type IrqKind, irqKinds } from "@userpci/interface";
import {
  type AccessCounts,
  type DeviceTelemetry,
  type DmaTelemetry,
  type InterruptTelemetry,
  type MappingTelemetry,
  type ProgramTelemetry,
  TELEMETRY_SCHEMA,
  type TelemetrySnapshot,
} from "./snapshot.ts";

/** Characters of the longest text that is kept. */
const LONGEST_TEXT = 200;

/** Entries of the longest list that is kept: a function has at most 2048 MSI-X vectors (PCI Express 6.0, section 7.7.2). */
const LONGEST_LIST = 4096;

/**
 * Reads a line of telemetry, of which nothing is trusted: what is not known is left out, and texts lose what a terminal would obey.
 *
 * @returns undefined for what is no such line
 */
export function parseTelemetry(line: string): TelemetrySnapshot | undefined {
  try {
    return snapshotOf(objectOf(JSON.parse(line)));
  } catch (error) {
    if (error instanceof Malformed || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** That a line is not what it says. */
class Malformed extends Error {}

type Fields = Readonly<Record<string, unknown>>;

function snapshotOf(fields: Fields): TelemetrySnapshot {
  if (fields["schema"] !== TELEMETRY_SCHEMA) throw new Malformed();
  return {
    schema: TELEMETRY_SCHEMA,
    atMs: numberOf(fields["atMs"]),
    program: programOf(objectOf(fields["program"])),
    devices: listOf(fields["devices"], deviceOf),
  };
}

const programOf = (fields: Fields): ProgramTelemetry => ({
  pid: numberOf(fields["pid"]),
  thread: numberOf(fields["thread"]),
  command: textOf(fields["command"]),
  node: textOf(fields["node"]),
});

function deviceOf(fields: Fields): DeviceTelemetry {
  const registers = objectOf(fields["registers"]);
  return {
    address: textOf(fields["address"]),
    backend: textOf(fields["backend"]),
    openMs: numberOf(fields["openMs"]),
    registers: {
      mapped: accessesOf(objectOf(registers["mapped"])),
      called: accessesOf(objectOf(registers["called"])),
      config: accessesOf(objectOf(registers["config"])),
    },
    mappings: listOf(fields["mappings"], mappingOf),
    dma: dmaOf(objectOf(fields["dma"])),
    interrupts: listOf(fields["interrupts"], interruptOf),
  };
}

const accessesOf = (fields: Fields): AccessCounts => ({
  reads: numberOf(fields["reads"]),
  writes: numberOf(fields["writes"]),
});

const mappingOf = (fields: Fields): MappingTelemetry => ({
  bar: numberOf(fields["bar"]),
  size: numberOf(fields["size"]),
});

function dmaOf(fields: Fields): DmaTelemetry {
  const mappings = objectOf(fields["mappings"]);
  return {
    buffers: numberOf(fields["buffers"]),
    bytes: numberOf(fields["bytes"]),
    made: numberOf(fields["made"]),
    madeBytes: numberOf(fields["madeBytes"]),
    mappings: { used: numberOf(mappings["used"]), limit: limitOf(mappings["limit"]) },
    pinned: fields["pinned"] === null ? null : pinnedOf(objectOf(fields["pinned"])),
  };
}

function pinnedOf(fields: Fields): NonNullable<DmaTelemetry["pinned"]> {
  const { scope } = fields;
  if (scope !== "process" && scope !== "user") throw new Malformed();
  return { used: numberOf(fields["used"]), limit: limitOf(fields["limit"]), scope };
}

const interruptOf = (fields: Fields): InterruptTelemetry => ({
  kind: kindOf(fields["kind"]),
  vector: numberOf(fields["vector"]),
  count: numberOf(fields["count"]),
  deliveries: numberOf(fields["deliveries"]),
  largest: numberOf(fields["largest"]),
});

function kindOf(value: unknown): IrqKind {
  const kind = irqKinds.find((known) => known === value);
  if (kind === undefined) throw new Malformed();
  return kind;
}

function objectOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Malformed();
  return value as Fields;
}

function listOf<T>(value: unknown, entry: (fields: Fields) => T): T[] {
  if (!Array.isArray(value) || value.length > LONGEST_LIST) throw new Malformed();
  return value.map((each) => entry(objectOf(each)));
}

function numberOf(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) throw new Malformed();
  return value;
}

const limitOf = (value: unknown): number | null => (value === null ? null : numberOf(value));

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new Malformed();
  return value.slice(0, LONGEST_TEXT).replace(/[\s\p{C}]+/gu, " ");
}
