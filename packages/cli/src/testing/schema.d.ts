import { type ValidateFunction } from "ajv/dist/2020.js";
/** Where the schemas are that the package publishes. */
export declare const schemaFolder: import("url").URL;
/** JSON that has been checked. Tests look into it as they like. */
type Json = ReturnType<typeof JSON.parse>;
/** Names of the files, each of which holds a schema. */
export declare function schemaFiles(): readonly string[];
/** What a file of {@link schemaFolder} has. */
export declare function readSchema(file: string): Json;
/**
 * Holds what a command printed with `--json` against its published schema.
 *
 * @param command such as `list` or `config get`; `error` for what any command prints when it fails
 * @param printed the text, or what it parses to
 * @returns what it parses to
 * @throws Error with everything that is wrong with it
 */
export declare function expectSchema(command: string, printed: unknown): Json;
/**
 * Holds each line that a command printed with `--jsonl` against `$defs.line` of its published schema, or the schema itself where
 * its lines are what `--json` prints.
 *
 * @returns the lines
 */
export declare function expectLines(command: string, printed: string): Json[];
/**
 * Holds what a command printed against the schema that it names itself: for tests of many commands.
 *
 * @returns what it parses to
 */
export declare function expectNamed(printed: unknown): Json;
/** @throws Error if there is no such schema */
export declare function validatorOf(id: string): ValidateFunction;
