import { readdirSync, readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
/** Where the schemas are that the package publishes. */
export const schemaFolder = new URL("../../schemas/", import.meta.url);
let compiler;
/** Knows all published schemas, and takes no keyword that it does not know, nor one in a wrong place. */
function ajv() {
  if (compiler === undefined) {
    compiler = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
    for (const file of schemaFiles()) compiler.addSchema(readSchema(file));
  }
  return compiler;
}
/** Names of the files, each of which holds a schema. */
export function schemaFiles() {
  return readdirSync(schemaFolder).filter((name) => name.endsWith(".json"));
}
/** What a file of {@link schemaFolder} has. */
export function readSchema(file) {
  return JSON.parse(readFileSync(new URL(file, schemaFolder), "utf8"));
}
/**
 * Holds what a command printed with `--json` against its published schema.
 *
 * @param command such as `list` or `config get`; `error` for what any command prints when it fails
 * @param printed the text, or what it parses to
 * @returns what it parses to
 * @throws Error with everything that is wrong with it
 */
export function expectSchema(command, printed) {
  return expectValid(idOf(command), printed);
}
/**
 * Holds each line that a command printed with `--jsonl` against `$defs.line` of its published schema, or the schema itself where
 * its lines are what `--json` prints.
 *
 * @returns the lines
 */
export function expectLines(command, printed) {
  const id = idOf(command);
  const hasLine = readSchema(fileOf(command)).$defs?.line !== undefined;
  const lines = printed.split("\n").filter((line) => line !== "");
  return lines.map((line) => expectValid(hasLine ? `${id}#/$defs/line` : id, line));
}
/**
 * Holds what a command printed against the schema that it names itself: for tests of many commands.
 *
 * @returns what it parses to
 */
export function expectNamed(printed) {
  const json = typeof printed === "string" ? JSON.parse(printed) : printed;
  return expectValid(String(json?.schema), json);
}
/** @throws Error if there is no such schema */
export function validatorOf(id) {
  const validate = ajv().getSchema(id);
  if (validate === undefined) throw new Error(`no file in schemas/ has the schema ${id}`);
  return validate;
}
function fileOf(command) {
  return `${command.replaceAll(" ", "-")}.json`;
}
function idOf(command) {
  return readSchema(fileOf(command)).$id;
}
function expectValid(id, printed) {
  const json = typeof printed === "string" ? JSON.parse(printed) : printed;
  const validate = validatorOf(id);
  if (validate(json)) return json;
  const problems = (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `  ${instancePath || "/"} ${message} ${JSON.stringify(params)}`,
  );
  throw new Error(`not as ${id} says:\n${problems.join("\n")}\n${JSON.stringify(json, null, 2)}`);
}
