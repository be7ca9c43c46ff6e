import type { FieldSpec } from "../../table.ts";
import { type Line, wordField } from "../line.ts";

const widths: readonly string[] = ["x1", "x2", "x4", "x8", "x16"];
const DYNAMIC = 7;
const otherWidth = (value: number) => (value === DYNAMIC ? "Dynamic" : `Unknown (${value})`);

/** A link width. */
export function widthField(field: FieldSpec): Line {
  return wordField(field, widths, otherWidth);
}
