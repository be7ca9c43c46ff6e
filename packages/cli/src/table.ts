import { pad, type Style, widthOf } from "./style.ts";

/** A column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** The cell of a row; may have colours. */
  readonly cell: (row: Row) => string;
  readonly align?: "left" | "right";
  /** What an empty cell shows. Without it, a column that is empty in every row is left out. */
  readonly empty?: string;
}

/** Spaces between columns. */
export const GAP = 2;

/** Rows as lines, under a line of titles. */
export function formatTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: Style,
): string[] {
  const filled = columns
    .map((column) => ({ ...column, cells: rows.map((row) => column.cell(row) || (column.empty ?? "")) }))
    .filter(({ cells }) => cells.some((cell) => cell !== ""))
    .map((column) => ({ ...column, width: Math.max(column.title.length, ...column.cells.map(widthOf)) }));
  const line = (texts: readonly string[]) =>
    texts
      .map((text, index) => place(text, filled[index]!.width, filled[index]!.align))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [
    style.dim(line(filled.map(({ title }) => title))),
    ...rows.map((_, row) => line(filled.map(({ cells }) => cells[row]!))),
  ];
}

function place(text: string, width: number, align: Column<never>["align"]): string {
  return align === "right" ? " ".repeat(width - widthOf(text)) + text : pad(text, width);
}
