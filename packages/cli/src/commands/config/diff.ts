import {
  bytesRegion,
  type Change,
  type ConfigSpace,
  configOf,
  diff,
  type FieldChange,
  toBytes,
} from "@userpci/pci-config";
import type { CommandCall, Report } from "../../command.ts";
import { hex } from "../../json.ts";
import type { Style } from "../../style.ts";
import { type ConfigSource, isAddress, noteShort, readSource, readTarget } from "./source.ts";

/** `userpci config diff`. */
export async function run(call: CommandCall): Promise<Report> {
  const [first, second] = call.arguments as [string, string | undefined];
  const near = [first, second].find((text) => text !== undefined && isAddress(text));
  const after = second === undefined ? await readTarget(call) : await readSource(call, second, near);
  const before = await readSource(call, first, near);
  noteShort(call, [before, after], "config diff");
  noteUncompared(call, before, after);
  const size = Math.min(before.config.size, after.config.size);
  const changes = diff(startOf(before.config, size), startOf(after.config, size));
  return {
    json: { before: before.name, after: after.name, configBytes: size, changes },
    lines: changes,
    text: (style) =>
      changes.length === 0 ? ["no difference"] : changes.map((change) => changeText(change, style)),
    failed: changes.length > 0,
  };
}

/** What only one side has was not read of the other: it is neither removed nor added. */
const startOf = (config: ConfigSpace, size: number): ConfigSpace =>
  configOf(bytesRegion(toBytes(config).subarray(0, size)));

function noteUncompared(call: CommandCall, ...sides: readonly [ConfigSource, ConfigSource]): void {
  const [short, long] = sides.toSorted((one, other) => one.config.size - other.config.size);
  if (call.json || short!.config.size === long!.config.size) return;
  const [first, last] = [short!.config.size, long!.config.size - 1].map((byte) => hex(byte, 2));
  call.terminal.note(`${first} to ${last} were not compared: only ${long!.name} has them\n`);
}

function changeText(change: Change, { bold, green, red }: Style): string {
  if (change.kind === "field") return fieldText(change, bold);
  const owner = change.owner ?? "nobody's";
  if (change.kind === "bytes") {
    return `${bold(`${owner} bytes`)} at ${hex(change.offset, 2)}: ${change.before || "none"} -> ${change.after || "none"}`;
  }
  const [mark, colour] = change.kind === "added" ? ["+", green] : ["-", red];
  return colour(`${mark} ${owner} at ${hex(change.ownerOffset ?? 0, 2)}`);
}

function fieldText(
  { owner, turn, register, field, words, before, after }: FieldChange,
  bold: Style["bold"],
): string {
  const list = turn === undefined ? "" : `${turn.list}[${turn.index}].`;
  const prefix = owner === "header" ? "" : `${owner}.`;
  const name = `${prefix}${list}${register}${field === undefined ? "" : `.${field}`}`;
  return `${bold(name)}: ${words?.before ?? valueText(before)} -> ${words?.after ?? valueText(after)}`;
}

const valueText = (value: number | boolean): string =>
  typeof value === "boolean" ? String(Number(value)) : hex(value);
