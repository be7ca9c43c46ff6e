import { describe, expect, it } from "vitest";
import { createStyle, shorten } from "./style.ts";
import { formatTable } from "./table.ts";

describe("formatTable", () => {
  const rows = [
    { name: "a", size: 5 },
    { name: "long", size: 1000 },
  ];
  const columns = [
    { title: "NAME", cell: (row: (typeof rows)[0]) => row.name },
    { title: "EMPTY", cell: () => "" },
    { title: "SIZE", cell: (row: (typeof rows)[0]) => String(row.size), align: "right" as const },
  ];

  it("aligns columns and leaves empty ones out", () => {
    expect(formatTable(columns, rows, createStyle(false))).toEqual([
      "NAME  SIZE",
      "a        5",
      "long  1000",
    ]);
  });

  it("keeps an empty column that says what an empty cell shows", () => {
    const kept = [{ ...columns[1]!, empty: "-" }];
    expect(formatTable(kept, rows, createStyle(false))).toEqual(["EMPTY", "-", "-"]);
  });

  it("aligns coloured cells by what is seen of them", () => {
    const style = createStyle(true);
    const coloured = [{ ...columns[0]!, cell: (row: (typeof rows)[0]) => style.red(row.name) }, columns[2]!];
    expect(formatTable(coloured, rows, style)[1]).toBe("\x1b[31ma\x1b[39m        5");
  });
});

describe("shorten", () => {
  it("cuts what is too long and nothing else", () => {
    expect(shorten("abcdef", 6)).toBe("abcdef");
    expect(shorten("abcdefg", 6)).toBe("abcde…");
  });
});
