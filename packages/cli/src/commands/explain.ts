import { PciError } from "@userpci/interface";
import { type ErrorEntry, errorCatalogue, findError } from "@userpci/interface/catalogue";
import { type CommandCall, type Report, WrongValue } from "../command.ts";
import { pad, type Style } from "../style.ts";

const CODE_WIDTH = Math.max(...errorCatalogue.map(({ code }) => code.length));
const LABEL_WIDTH = "evidence".length;

/** Most codes that a hint names. */
const MOST_NEAR = 6;

/** `userpci explain`. */
export async function run(call: CommandCall): Promise<Report> {
  const [code] = call.arguments;
  const errors = code === undefined ? errorCatalogue : [entryOf(code)];
  return {
    json: { errors },
    lines: errors,
    text: (style) =>
      code === undefined
        ? errors.map((entry) => `${style.bold(pad(entry.code, CODE_WIDTH))}  ${entry.meaning}`)
        : errors.flatMap((entry) => entryLines(entry, style)),
  };
}

/** @throws WrongValue for a code that is not in the catalogue */
function entryOf(code: string): ErrorEntry {
  const entry = findError(code);
  if (entry !== undefined) return entry;
  const near = errorCatalogue.filter((each) => each.code.includes(code.toUpperCase())).slice(0, MOST_NEAR);
  throw new WrongValue(
    new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(code)} is not an error code of the catalogue`, {
      hint:
        near.length > 0
          ? `did you mean ${near.map((each) => each.code).join(", ")}?`
          : "`userpci explain` lists them all; of other system errors `errno -l` or errno(3) tells",
    }),
  );
}

function entryLines({ code, meaning, causes, evidence, fix, example }: ErrorEntry, style: Style): string[] {
  return [
    `${style.bold(code)}  ${meaning}`,
    ...labelled("example", [example], style),
    ...labelled("cause", causes, style),
    ...labelled("evidence", evidence, style),
    ...labelled("fix", fix, style),
  ];
}

function labelled(label: string, texts: readonly string[], style: Style): string[] {
  return texts.map(
    (text, index) => `  ${style.dim(pad(index === 0 ? label : "", LABEL_WIDTH))}  ${marked(text, style)}`,
  );
}

/** A text with what is code in it in a colour. */
function marked(text: string, style: Style): string {
  return text.replace(/`[^`]+`/g, (code) => style.cyan(code));
}
