import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { INIT, SECOND_STAGE, settingsScript, shellQuote } from "./scripts.ts";

test("any text survives a shell", () => {
  const word = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 20 }), (words) => {
      const script = `printf '%s\\0' ${words.map(shellQuote).join(" ")}`;
      const output = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" });
      expect(output).toBe(words.length === 0 ? "\0" : words.map((text) => `${text}\0`).join(""));
    }),
    { numRuns: 30 },
  );
});

test("settings are assignments that a shell takes as they are meant", () => {
  const settings = {
    node: "/opt/my node",
    agent: "/a$b",
    tools: undefined,
    modules: "/m'o",
    overlay: undefined,
    passable: ["/root", "/x y"],
  };
  const script = `${settingsScript(settings)}printf '%s|' "$NODE" "$AGENT" "$TOOLS" "$MODULES" "$PASSABLE"`;
  expect(execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" })).toBe(
    "/opt/my node|/a$b||/m'o|/root\n/x y|",
  );
});

test("the guest's scripts are valid shell", () => {
  for (const script of [INIT, SECOND_STAGE]) execFileSync("/bin/sh", ["-n"], { input: script });
});
