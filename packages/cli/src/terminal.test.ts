import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { processTerminal } from "./terminal.ts";

it("leaves the streams of the program that asks for it alone", () => {
  const before = process.stdout.listenerCount("error");
  processTerminal(() => undefined);
  expect(process.stdout.listenerCount("error")).toBe(before);
});

it.each([
  ["/dev/full", 1, /ENOSPC/],
  ["/dev/null", 0, /^$/],
])("alone tells of what %s does not take", (path, status, notes) => {
  const program = `import { processTerminal } from "@userpci/cli"; processTerminal().write("text");`;
  const out = openSync(path, "w");
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    stdio: ["ignore", out, "pipe"],
    encoding: "utf8",
  });
  closeSync(out);
  expect({ status: ended.status, notes: ended.stderr }).toEqual({
    status,
    notes: expect.stringMatching(notes),
  });
  expect(ended.stderr).not.toContain("TypeError");
});

it.each([
  ["1", false],
  ["", true],
])("with NO_COLOR=%j a terminal has colours: %j", (value, colours) => {
  const program =
    'import { processTerminal } from "@userpci/cli"; console.log(processTerminal().style.bold("x"));';
  const line = `"${process.execPath}" --no-warnings --input-type=module -e '${program}'`;
  const { stdout } = spawnSync("script", ["-qec", line, "/dev/null"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    // No more: Node goes by CI, FORCE_COLOR and others too.
    env: { PATH: process.env["PATH"], TERM: "xterm", SHELL: "/bin/sh", NO_COLOR: value },
    encoding: "utf8",
  });
  expect(stdout.trim()).toBe(colours ? "\x1b[1mx\x1b[22m" : "x");
});
