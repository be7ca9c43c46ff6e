import { linkWidths } from "../../capabilities/flit-words.ts";
import type { FieldSpec } from "../../table.ts";
import { type Line, wordField } from "../line.ts";

const DYNAMIC = 7;
const otherWidth = (value: number) => (value === DYNAMIC ? "Dynamic" : `Unknown (${value})`);

/** A link width. */
export function widthField(field: FieldSpec): Line {
  return wordField(field, linkWidths, otherWidth);
}
