import { type Change, diff, type FieldChange } from "@userpci/pci-config";
import type { CommandCall, Report } from "../../command.ts";
import { hex } from "../../json.ts";
import type { Style } from "../../style.ts";
import { isAddress, noteShort, readSource, readTarget } from "./source.ts";

/** `userpci config diff`. */
export async function run(call: CommandCall): Promise<Report> {
  const [first, second] = call.arguments as [string, string | undefined];
  const near = [first, second].find((text) => text !== undefined && isAddress(text));
  const after = second === undefined ? await readTarget(call) : await readSource(call, second, near);
  const before = await readSource(call, first, near);
  noteShort(call, [before, after], "config diff");
  const changes = diff(before.config, after.config);
  return {
    json: { before: before.name, after: after.name, changes },
    lines: changes,
    text: (style) =>
      changes.length === 0 ? ["no difference"] : changes.map((change) => changeText(change, style)),
    failed: changes.length > 0,
  };
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
