import { type ErrorEntry, errorCatalogue, errorKinds } from "@userpci/interface/catalogue";

const intro = [
  "# Errors",
  "",
  "Every error that userpci throws is a `PciError`: `code` is one of those below, the message has the numbers, and `hint` is what mends it here and now. With `--json`",
  'a command prints `{ "schema": "userpci:error/1", "error": { "code", "message", "hint", … } }`. `userpci explain CODE` prints what is written here. Match on `code`, never on the text.',
  "",
  "This page is made of the catalogue in `packages/interface/src/catalogue`: `npx vitest run --project unit packages/cli/src/documents -u`.",
  "",
].join("\n");

/** `docs/errors.md`. */
export function errorDocument(): string {
  const kinds = Object.entries(errorKinds).map(([kind, title]) => {
    const entries = errorCatalogue.filter((entry) => entry.kind === kind);
    return `## ${title}\n\n${entries.map(section).join("\n")}`;
  });
  return [intro, ...kinds].join("\n");
}

function section({ code, meaning, causes, evidence, fix, example }: ErrorEntry): string {
  const rows = [
    ["Example", [`\`\` ${example} \`\``]],
    ["Cause", causes],
    ["Evidence", evidence],
    ["Fix", fix],
  ] as const;
  const lines = rows.flatMap(([label, texts]) =>
    texts.length === 1 ? [`- ${label}: ${texts[0]}`] : [`- ${label}:`, ...texts.map((text) => `  - ${text}`)],
  );
  return `### ${code}\n\n${sentence(meaning)}\n\n${lines.join("\n")}\n`;
}

function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
