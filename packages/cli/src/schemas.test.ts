import { describe, expect, it } from "vitest";
import { schemaName } from "./command.ts";
import { commands } from "./commands.ts";
import { readSchema, schemaFiles, validatorOf } from "./testing/schema.ts";

/** Schemas of no command: what any of them prints when it fails, and parts that several print. */
const shared = ["common.json", "config-space.json", "error.json"];

const fileOf = (command: string): string => `${command.replaceAll(" ", "-")}.json`;

/** Every object of a schema that says which properties it has, by its path. */
function* shapes(part: unknown, path = ""): Generator<[path: string, shape: Record<string, unknown>]> {
  if (typeof part !== "object" || part === null) return;
  const shape = part as Record<string, unknown>;
  // A part of `allOf` leaves the rest to its siblings.
  if (shape["type"] === "object" && shape["properties"] !== undefined) yield [path, shape];
  for (const [name, inner] of Object.entries(shape)) yield* shapes(inner, `${path}/${name}`);
}

describe("schemas/", () => {
  it("has a file for each command, and no other", () => {
    const files = commands.map(({ name }) => fileOf(name));
    expect([...schemaFiles()].sort()).toEqual([...files, ...shared].sort());
  });

  it.each(commands.map((spec) => [spec.name, spec] as const))(
    "%s has the name that its JSON says",
    (_, spec) => {
      expect(readSchema(fileOf(spec.name)).$id).toBe(schemaName(spec));
    },
  );

  it.each(schemaFiles())("%s is a schema of draft 2020-12, and says what it is of", (file) => {
    const { $schema, $id, title } = readSchema(file);
    expect($schema).toBe("https://json-schema.org/draft/2020-12/schema");
    expect(title).toMatch(/\w/);
    expect(() => validatorOf($id)).not.toThrow();
  });

  it.each(schemaFiles())("%s allows no property that it does not name", (file) => {
    const open = [...shapes(readSchema(file))].filter(([, shape]) => shape["additionalProperties"] !== false);
    expect(open.map(([path]) => path)).toEqual([]);
  });
});
