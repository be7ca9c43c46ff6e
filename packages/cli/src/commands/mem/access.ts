import { PciError, type Region } from "@userpci/interface";
import { type CommandCall, ofCommandLine, optionText } from "../../command.ts";
import {
  describeSpot,
  type KnownDevice,
  knownDevice,
  parseSpot,
  type RegisterSpot,
} from "../../target/known.ts";
import type { Target } from "../../target/target.ts";

/** Widths of an access, in bits. */
export const widths = [8, 16, 32, 64] as const;
export type AccessBits = (typeof widths)[number];

/** Where a command reads or writes. */
export interface Place {
  readonly bar: number;
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  readonly width: AccessBits;
  readonly device: KnownDevice | undefined;
}

/** A register that was read or written. Values are hexadecimal text, as 64 bits do not fit a number. */
export interface AccessJson {
  readonly offset: number;
  readonly value: string;
  /** In the words of the device's table, where there is one. */
  readonly text?: string;
}

/**
 * The place that the arguments behind the address name: BAR, offset or register, and `--width`.
 *
 * @throws WrongValue for what means nothing
 */
export async function placeOf(call: CommandCall, target: Target): Promise<Place> {
  const device = await knownDevice(target);
  return ofCommandLine(() => {
    const bar = barOf(call.arguments[1]!);
    const spot = parseSpot(call.arguments[2] ?? "0", bar, device);
    return { bar, offset: spot.offset, width: widthOf(call, spot), device };
  });
}

/** @throws PciError `ERR_INVALID_ARGUMENT` */
export function barOf(text: string): number {
  const [, digit] = /^(?:bar)?([0-5])$/i.exec(text) ?? [];
  if (digit !== undefined) return Number(digit);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no BAR`, {
    hint: "give a number from 0 to 5",
  });
}

function widthOf(call: CommandCall, { width = 32 }: RegisterSpot): AccessBits {
  const text = optionText(call, "width");
  const given = widths.find((bits) => String(bits) === text);
  if (text === undefined) return width;
  if (given !== undefined) return given;
  throw new PciError("ERR_INVALID_ARGUMENT", `an access of ${text} bits there is not`, {
    hint: `give one of ${widths.join(", ")}`,
  });
}

/**
 * A whole number of the command line.
 *
 * @param what it is, for the message
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function numberOf(text: string, what: string): bigint {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(text)) return BigInt(text);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is no ${what}`, {
    hint: "give a whole number: 0x1f in hexadecimal, or 31",
  });
}

/** One access of a width. */
export function readAt(region: Region, width: AccessBits, offset: number): bigint {
  if (width === 64) return region.read64(offset);
  return BigInt(
    width === 8 ? region.read8(offset) : width === 16 ? region.read16(offset) : region.read32(offset),
  );
}

/** One access of a width. */
export function writeAt(region: Region, width: AccessBits, offset: number, value: bigint): void {
  if (width === 64) region.write64(offset, value);
  else if (width === 8) region.write8(offset, Number(value));
  else if (width === 16) region.write16(offset, Number(value));
  else region.write32(offset, Number(value));
}

/** A value with all of its digits. */
export const valueText = (value: bigint, width: AccessBits): string =>
  `0x${value.toString(16).padStart(width / 4, "0")}`;

/** A register and its value as data. */
export function accessJson({ bar, width, device }: Place, offset: number, value: bigint): AccessJson {
  const text = describeSpot(device, bar, { offset, width }, value);
  return { offset, value: valueText(value, width), ...(text !== undefined && { text }) };
}
