import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { expectSchema } from "./testing/schema.ts";

const bin = fileURLToPath(new URL("../bin/userpci.js", import.meta.url));

/** What the built command prints. */
async function userpci(...argv: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [bin, ...argv])).stdout;
}

it("the built userpci completion prints its script, as text and for programs", async () => {
  const [text, json] = await Promise.all([
    userpci("completion", "bash"),
    userpci("completion", "bash", "--json"),
  ]);
  expect(expectSchema("completion", json).script).toBe(text);
  expect(text).toContain("complete -F _userpci userpci");
});

it("the built userpci repl evaluates, as text and for programs", async () => {
  const argv = [
    "repl",
    "--model",
    "edu",
    "--evaluate",
    "registers.LIVENESS.write(1); registers.LIVENESS.read()",
  ];
  const [text, json] = await Promise.all([
    userpci(...argv.slice(0, 3), "-e", "registers.IDENTIFICATION"),
    userpci(...argv, "--json"),
  ]);
  expect(text).toBe("IDENTIFICATION = 0x10000ed MAGIC=0xed MAJOR=1\n");
  expect(expectSchema("repl", json)).toMatchObject({
    address: "edu",
    via: "emulated",
    results: [{ text: "4294967294 (0xfffffffe)" }],
  });
});
