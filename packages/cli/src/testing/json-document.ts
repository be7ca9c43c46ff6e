import { schemaName } from "../command.ts";
import { commands } from "../commands.ts";
import { readSchema } from "./schema.ts";

const intro = [
  "# JSON",
  "",
  "Every command but `lspci` and `setpci`, which refuse it, takes `--json`, and then prints one object on standard output, and nothing else. Its first field is `schema`: the name of what it is, with a version that",
  "changes when a field goes or means something else; fields may be added. `--jsonl` prints an object a line, each as soon as it is known. A command that fails prints",
  "`userpci:error/1` in place of its result; the exit status is 0 for done, 1 for failed, 2 for a wrong command line. `config check`, `config diff` and `doctor` end with 1 where something is",
  "wrong or differs, and with 2 where they failed. A number that may have 64 bits is a text in hexadecimal.",
  "",
  "The schemas (JSON Schema, draft 2020-12) are in [`packages/cli/schemas`](../packages/cli/schemas), and in the package. This page is made of them:",
  "`npx vitest run --project unit packages/cli/src/documents -u`. A field with ? may be missing.",
  "",
].join("\n");

/** How many names a path has at most. */
const DEEPEST = 5;

/** A part of a schema. */
interface Part {
  readonly $id?: string;
  readonly $ref?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Part>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Part;
  readonly items?: Part | boolean;
  readonly oneOf?: readonly Part[];
  readonly anyOf?: readonly Part[];
  readonly $defs?: Readonly<Record<string, Part>>;
}

/** A field, as a row of a table. */
type Row = readonly [path: string, type: string, about: string];

/** `docs/json.md`. */
export function jsonDocument(): string {
  const ofCommands = [...commands]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((spec) =>
      fileSection(`userpci ${spec.name}`, schemaName(spec), `${spec.name.replaceAll(" ", "-")}.json`),
    );
  const common: Part = readSchema("common.json");
  const parts = Object.entries(common.$defs ?? {})
    .filter(([, part]) => part.properties !== undefined)
    .map(([name, part]) => `### ${name}\n\n${table(part, common)}`);
  return [
    intro,
    ...ofCommands,
    fileSection("An error", "userpci:error/1", "error.json"),
    `## Parts that several commands print\n\n${parts.join("\n")}`,
    fileSection("config-space", "userpci:config-space/1", "config-space.json"),
  ].join("\n");
}

function fileSection(title: string, id: string, file: string): string {
  const schema: Part = readSchema(file);
  const line = schema.$defs?.["line"];
  const lines = line === undefined ? "" : `\nA line of \`--jsonl\`:\n\n${table(line, schema)}`;
  return `## ${title}\n\n[\`${id}\`](../packages/cli/schemas/${file}): ${lowerFirst(schema.title ?? "")}.\n\n${table(schema, schema)}${lines}`;
}

/** The fields of an object; of each of its forms, if it has several. */
function table(part: Part, root: Part): string {
  const forms = (part.oneOf ?? part.anyOf ?? [part]).map((form) => resolved(form, root));
  return forms.map((form) => formTable(form, root)).join("\nor\n\n");
}

function formTable(form: Part, root: Part): string {
  const rows = [...fields(form, root, "")].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  return [
    "| field | type | |",
    "| --- | --- | --- |",
    ...rows.map((row) => `| ${row.join(" | ")} |`),
    "",
  ].join("\n");
}

/** Fields and the fields in them, each by its path. `schema` is in all of them. */
function* fields(part: Part, root: Part, above: string): Generator<Row> {
  // A part may have parts of its own kind.
  if (above.split(".").length > DEEPEST) return;
  for (const [name, own] of Object.entries(part.properties ?? {})) {
    if (above === "" && name === "schema") continue;
    const inner = resolved(own, root);
    const path = `${above}${name}${part.required?.includes(name) ? "" : "?"}`;
    yield [`\`${path}\``, typeOf(inner, root), own.description ?? inner.description ?? ""];
    yield* inside(inner, root, path);
  }
}

/** What is in an object or the objects of a list. */
function* inside(part: Part, root: Part, path: string): Generator<Row> {
  const items = typeof part.items === "object" ? resolved(part.items, root) : undefined;
  if (items !== undefined) return yield* inside(items, root, `${path}[]`);
  for (const form of part.oneOf ?? part.anyOf ?? [part])
    yield* fields(resolved(form, root), root, `${path}.`);
}

/** A part of the same file in place of a reference to it. A reference to another file stays. */
function resolved(part: Part, root: Part): Part {
  const [file, name] = part.$ref?.split("#/$defs/") ?? [];
  if (name === undefined || (file !== "" && file !== root.$id)) return part;
  return { ...root.$defs?.[name], ...(part.description && { description: part.description }) };
}

function typeOf(part: Part, root: Part): string {
  if (part.$ref !== undefined) return linkTo(part.$ref);
  if (part.const !== undefined) return `\`${JSON.stringify(part.const)}\``;
  if (part.enum !== undefined) return part.enum.map((value) => `\`${JSON.stringify(value)}\``).join(", ");
  const forms = part.oneOf ?? part.anyOf;
  if (forms !== undefined)
    return [...new Set(forms.map((form) => typeOf(resolved(form, root), root)))].join(" or ");
  if (typeof part.items === "object") return `list of ${typeOf(resolved(part.items, root), root)}`;
  if (typeof part.additionalProperties === "object") return "object, by name";
  return [part.type ?? "any"].flat().join(" or ");
}

/** Parts without fields of their own are said in a word; those of a command are in its section. */
function linkTo(reference: string): string {
  const [, file, name] = /^userpci:([\w-]+)\/\d+(?:#\/\$defs\/(\w+))?$/.exec(reference) ?? [];
  if (file === undefined) return reference;
  if (name === undefined) return `[${file}](#${file})`;
  if (file !== "common") return `[${name}](#userpci-${file})`;
  const part: Part | undefined = readSchema("common.json").$defs?.[name];
  return part?.properties === undefined ? name : `[${name}](#${name.toLowerCase()})`;
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}
