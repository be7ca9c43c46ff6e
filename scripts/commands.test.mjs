import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { commandNames } from "./commands.mjs";
import { root } from "./workspace.mjs";

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

it.each(commandNames)("npm run %s is that command", (name) => {
  expect(scripts[name]).toBe(`node scripts/run.mjs ${name}`);
});

it("npm runs no other", () => {
  expect(Object.keys(scripts).sort()).toEqual([...commandNames].sort());
});
