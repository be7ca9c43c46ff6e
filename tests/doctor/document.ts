import type { checks } from "@userpci/sysfs/doctor";
import { bootCases, type DoctorCase } from "./cases.ts";
import { treeCases } from "./tree-cases.ts";

/** A part of docs/doctor.md that is made of data: what stands between `<!-- NAME -->` and `<!-- end -->`. */
export interface Part {
  readonly name: string;
  readonly lines: readonly string[];
}

const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
const code = (text: string): string => (text === "" ? "" : `\`${text}\``);

/** The tables of docs/doctor.md. */
export function parts(all: typeof checks): readonly Part[] {
  return [
    {
      name: "checks",
      lines: [
        "| check | looks at | explained by a problem of |",
        "| --- | --- | --- |",
        ...all.map(checkRow),
      ],
    },
    { name: "boots", lines: caseTable(bootCases) },
    { name: "trees", lines: caseTable(treeCases) },
  ];
}

const checkRow = ({ id, title, after }: (typeof checks)[number]): string =>
  row([code(id), title, after.map(code).join(", ")]);

function caseTable(cases: Readonly<Record<string, DoctorCase>>): readonly string[] {
  const rows = Object.values(cases).map(({ setup, words, first, says, fix }) =>
    row([
      setup,
      code(["doctor", ...words].join(" ")),
      first === null ? "nothing" : code(first),
      says,
      code(fix),
    ]),
  );
  return [
    "| set-up | command | first diagnosis | says | fix has |",
    "| --- | --- | --- | --- | --- |",
    ...rows,
  ];
}

/** A document with its parts as they have to be. */
export function withParts(document: string, all: typeof checks): string {
  return parts(all).reduce(
    (text, { name, lines }) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- end -->)`),
        (_, begin: string, end: string) => `${begin}${lines.join("\n")}\n${end}`,
      ),
    document,
  );
}
