import { inspect } from "node:util";
import { type AnyRegisterTable, decodeAccess, registersOf } from "@userpci/device-model/registers";
import type { OwnedRegion, Region } from "@userpci/interface";
import { configOf, describe, formatConfig } from "@userpci/pci-config";
import { hex } from "../json.ts";
import { tablesOf } from "../register-tables.ts";
import type { Target } from "../target/target.ts";
import { ConfigJournal } from "./config-journal.ts";

/** A register accessor, as far as it is shown. */
interface Readable {
  readonly offset: number;
  read?(): number | bigint;
}

/** Where a register that has a name is. */
interface Place {
  readonly table: AnyRegisterTable;
  readonly width: 8 | 16 | 32 | 64;
}

/** What there is to work with at a prompt: names for a device and its parts, and how values are shown. */
export class Session {
  readonly target: Target;
  readonly journal: ConfigJournal;
  /** Names and what they stand for. BARs are mapped when they are first named. */
  readonly names: object;
  /** Names of registers, if the device is one whose registers are known. */
  readonly registerNames: readonly string[];
  readonly #places = new WeakMap<object, Place>();

  constructor(target: Target, mayWrite: boolean) {
    this.target = target;
    this.journal = new ConfigJournal(target.config.region);
    const config = configOf(this.journal);
    const { device } = target;
    // So that what is written through the device can be taken back too.
    if (device !== null) Object.defineProperty(device, "config", { value: config });
    const bars = lazily(
      target.bars.map(({ index }) => [`bar${index}`, () => target.bar(index, mayWrite)] as const),
    );
    const tables = { ...tablesOf(identityOf(target.config.region)), ...target.tables };
    const registers = lazily(
      Object.entries(tables).flatMap(([index, table]) => this.#registers(table!, bars, `bar${index}`)),
    );
    this.registerNames = Object.keys(registers);
    const undo = (): string => this.undo();
    this.names = Object.defineProperties(
      { device, config, registers, undo, hex },
      Object.getOwnPropertyDescriptors(bars),
    );
  }

  /** Takes the latest write to configuration space back, and tells it. */
  undo(): string {
    const write = this.journal.undo();
    if (write === undefined) return "nothing was written to configuration space";
    const { offset, before, after, bits } = write;
    return `config + ${hex(offset)}: ${hex(after, bits / 4)} is ${hex(before, bits / 4)} again`;
  }

  /** Configuration space, decoded. */
  configLines(): readonly string[] {
    return formatConfig(describe(this.target.config));
  }

  /** A value as people see it: a register by its fields, read now; a number also in hexadecimal. */
  show(value: unknown, colors = false): string {
    const place = typeof value === "object" && value !== null ? this.#places.get(value) : undefined;
    if (place !== undefined) {
      const { offset, read } = value as Readable;
      if (read !== undefined)
        return decodeAccess(place.table, offset, (place.width / 8) as 1 | 2 | 4 | 8, read.call(value));
    }
    const text = inspect(value, { colors, depth: 2, showProxy: false });
    const isLarge = (typeof value === "number" && Number.isInteger(value)) || typeof value === "bigint";
    return isLarge && value > 9 ? `${text} (${hex(value as number | bigint)})` : text;
  }

  #registers(table: AnyRegisterTable, bars: object, bar: string): (readonly [string, () => unknown])[] {
    const accessors = (): Record<string, object> =>
      registersOf(table, (bars as Record<string, OwnedRegion>)[bar]!) as unknown as Record<string, object>;
    return Object.entries(table.rows).map(([name, { width }]) => [
      name,
      () => {
        const accessor = accessors()[name]!;
        this.#places.set(accessor, { table, width });
        return accessor;
      },
    ]);
  }
}

/** Ids and class (PCI 3.0, section 6.2.1). */
function identityOf(region: Region): { id: string; class: string } {
  const id = [0, 2].map((offset) => region.read16(offset).toString(16).padStart(4, "0")).join(":");
  return { id, class: (region.read32(8) >>> 8).toString(16).padStart(6, "0") };
}

/** An object whose properties are made when they are first asked for. */
function lazily(makers: readonly (readonly [name: string, make: () => unknown])[]): object {
  const made = {};
  for (const [name, make] of makers) {
    let value: unknown;
    Object.defineProperty(made, name, {
      get: () => {
        value ??= make();
        return value;
      },
      enumerable: true,
      configurable: true,
    });
  }
  return made;
}
