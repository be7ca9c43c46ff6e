import { PciError } from "@userpci/interface";
import type { ConfigSpace } from "../config.ts";
import { fieldReaders, readField } from "../field-reader.ts";
import { formatFields } from "../format.ts";
import { readRegister } from "../register.ts";
import { resolveOperation } from "../setpci/apply.ts";
import { parseOperation } from "../setpci/operation.ts";
import type { Width } from "../table.ts";
import { type ConfigRegister, configRegisters, findNamed } from "./registers.ts";

/** A register, or a field of one, that was read. */
export interface RegisterReading {
  /** As it was asked for. */
  readonly name: string;
  /** Byte of the config space. */
  readonly offset: number;
  /** Bits of the register. */
  readonly width: Width;
  /** The whole register. */
  readonly raw: number;
  /** The field's value, where one was asked for. */
  readonly value?: number | boolean;
  /** The specification's word for the value. */
  readonly word?: string;
  /** All fields, where the tables have the register. */
  readonly fields?: Readonly<Record<string, number | boolean>>;
  /** What is set in it, in words; empty if nothing is, or the tables do not have it. */
  readonly text: string;
}

/**
 * Reads registers by name: `command`, `pm.control.powerState`, or in setpci's syntax `COMMAND`, `CAP_PM+4.w`, `10.l`. Each is one access.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no register, `ERR_NOT_SUPPORTED` for one that the function has not; what the region throws
 */
export function readNamed(config: ConfigSpace, names: readonly string[]): readonly RegisterReading[] {
  const registers = configRegisters(config);
  // All of them first: what is wrong is told before anything is read.
  const readers = names.map((name) => readerOf(config, registers, name));
  return readers.map((read) => read());
}

function readerOf(
  config: ConfigSpace,
  registers: readonly ConfigRegister[],
  name: string,
): () => RegisterReading {
  const place = findNamed(registers, name);
  if (place === undefined) {
    const operation = parseOperation(name);
    if (operation.values !== undefined) throw noReading(name);
    const { offset } = resolveOperation(config, operation);
    const { width } = operation;
    const known = registers.find((each) => each.offset === offset && each.width === width);
    return () => reading(name, { offset, width }, readRegister(config.region, width, offset), known);
  }
  const { register, field } = place;
  return () => {
    const raw = readRegister(config.region, register.width, register.offset);
    const whole = reading(place.name, register, raw, register);
    if (field === undefined || whole.fields === undefined) return whole;
    const key = place.name.slice(place.name.lastIndexOf(".") + 1);
    const value = whole.fields[key]!;
    const word = field.words?.[Number(value)];
    return { ...whole, value, text: word ?? "", ...(word !== undefined && { word }) };
  };
}

function noReading(name: string): PciError {
  return new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(name)} has a value, and is to be read`, {
    hint: "leave out the = and what follows; userpci config set writes",
  });
}

function reading(
  name: string,
  { offset, width }: Pick<ConfigRegister, "offset" | "width">,
  raw: number,
  known: ConfigRegister | undefined,
): RegisterReading {
  if (known?.spec.kind !== "fields") return { name, offset, width, raw, text: "" };
  const readers = fieldReaders(known.spec);
  const fields = Object.fromEntries(readers.map((reader) => [reader.name, readField(reader, raw)]));
  const words = Object.fromEntries(
    readers.flatMap((reader) => {
      const word = reader.words?.[Number(fields[reader.name])];
      return word === undefined ? [] : [[reader.name, word]];
    }),
  );
  return { name, offset, width, raw, fields, text: formatFields({ offset, width, raw, fields, words }) };
}
