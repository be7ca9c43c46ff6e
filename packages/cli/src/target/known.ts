import { type AnyRegisterTable, decodeAccess, type RegisterRow } from "@userpci/device-model/registers";
import { PciError } from "@userpci/interface";
import type { BarTables } from "userpci/trace";
import type { Target } from "./target.ts";

/** A device whose registers have names. */
export interface KnownDevice {
  /** Such as `edu`; undefined for one that only its model knows. */
  readonly name: string | undefined;
  /** By BAR. */
  readonly tables: BarTables;
}

/** How a device is known: by its ids or its class, and where its table is. */
interface KnownRow {
  readonly name: string;
  /** `vendor:device`, four hexadecimal digits each. */
  readonly id?: string;
  /** 24 bits. */
  readonly classCode?: number;
  readonly load: () => Promise<AnyRegisterTable>;
}

/** Every device that a package of ours has a table of. */
const known: readonly KnownRow[] = [
  { name: "edu", id: "1234:11e8", load: async () => (await import("@userpci/edu")).eduRegisters },
  // NVM Express, I/O controller (PCI Code and ID Assignment Specification 1.15, section 1.9).
  { name: "nvme", classCode: 0x01_08_02, load: async () => (await import("@userpci/nvme")).nvmeRegisters },
  { name: "nic", id: "1234:4e49", load: async () => (await import("@userpci/nic")).nicRegisters },
];

/** The names of a target's registers, if its model or a package of ours has them. */
export async function knownDevice({
  config,
  fn,
  tables,
}: Pick<Target, "config" | "fn" | "tables">): Promise<KnownDevice | undefined> {
  const id = [fn?.vendor ?? config.vendorId, fn?.device ?? config.deviceId]
    .map((number) => number.toString(16).padStart(4, "0"))
    .join(":");
  const classCode = fn?.classCode ?? config.classCode;
  const row = known.find((each) => each.id === id || each.classCode === classCode);
  if (row === undefined) return tables && { name: undefined, tables };
  return { name: row.name, tables: { 0: await row.load(), ...tables } };
}

/** Place and width of a register of a BAR. */
export interface RegisterSpot {
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  /** Bits; undefined where only a number was given. */
  readonly width?: 8 | 16 | 32 | 64;
}

/**
 * The register that a word of the command line means: a number (`0x20`, `32`), or a name where the device is known (`STATUS`, `TAIL[2]`).
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is neither, `ERR_OUT_OF_RANGE` for an element that there is not
 */
export function parseSpot(text: string, bar: number, device: KnownDevice | undefined): RegisterSpot {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return { offset: Number(text) };
  const [, name = "", index] = /^(\w+)(?:\[(\d+)\])?$/.exec(text) ?? [];
  const rows = device?.tables[bar]?.rows ?? {};
  const row = Object.hasOwn(rows, name) ? rows[name] : rows[name.toUpperCase()];
  if (row !== undefined) return { offset: elementOf(text, row, Number(index ?? 0)), width: row.width };
  const names = Object.keys(rows);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no register of BAR ${bar}`, {
    hint:
      names.length > 0
        ? `give an offset such as 0x20, or one of ${names.join(", ")}`
        : "give an offset such as 0x20",
  });
}

function elementOf(
  text: string,
  { offset, width, count = 1, stride = width / 8 }: RegisterRow,
  index: number,
): number {
  if (index < count) return offset + index * stride;
  throw new PciError("ERR_OUT_OF_RANGE", `${text} is beyond the last of ${count}`, {
    hint: `the last one is number ${count - 1}`,
  });
}

/** A value in the words of the device's table: `STATUS = 0x81 COMPUTING`; undefined where no register of it is there. */
export function describeSpot(
  device: KnownDevice | undefined,
  bar: number,
  { offset, width = 32 }: RegisterSpot,
  value: number | bigint,
): string | undefined {
  const table = device?.tables[bar];
  if (table?.find(offset) === undefined) return undefined;
  return decodeAccess(table, offset, (width / 8) as 1 | 2 | 4 | 8, value);
}
