import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { commands } from "./commands.ts";
import { dropIns } from "./drop-in.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

/** The command lines that the README shows, as words, without what precedes the name of the command. */
const shown = [...readme.matchAll(/(?:^\$ |`)(?:sudo |npx )?(?:@userpci\/cli|userpci) ([^`#\n]+)/gm)].map(
  ([, line]) => line!.trim().split(/\s+/),
);

describe("README.md", () => {
  it("shows every command", () => {
    const names = new Set(shown.flatMap(([first, second]) => [first, `${first} ${second}`]));
    for (const { name } of [...commands, ...dropIns]) expect(names).toContain(name);
  });

  it.each(shown.map((words) => words.join(" ")))("shows a command line that there is: %s", (line) => {
    // What follows two dashes is another program's.
    const [name, second, ...others] = line.split(" -- ")[0]!.split(" ");
    const words = [...(second === undefined ? [] : [second]), ...others];
    if (name === "help" || name === "COMMAND" || dropIns.some((dropIn) => dropIn.name === name)) return;
    const spec = commands.find((command) => [name, `${name} ${second}`].includes(command.name));
    const known = [
      "--json",
      "--jsonl",
      "--help",
      ...(spec?.options ?? []).flatMap(({ usage }) => usage.split(/[ ,]+/)),
    ];
    expect(known).toEqual(expect.arrayContaining(words.filter((word) => word.startsWith("--"))));
    expect(spec).toBeDefined();
  });

  it("names only options that a command has", () => {
    const known = [
      "--json",
      "--jsonl",
      "--help",
      ...commands.flatMap(({ options }) => options.map(({ usage }) => usage)),
    ];
    for (const [, option] of readme.matchAll(/`(--[a-z]+)`/g))
      expect(known.map((usage) => usage.split(" ")[0])).toContain(option);
  });
});
