import { fileURLToPath } from "node:url";
import type { RunOptions, Vm } from "@userpci/testbed";

const cli = fileURLToPath(new URL("../../../packages/cli/dist/index.js", import.meta.url));

const script = `
import { execFileSync } from "node:child_process";
const { run } = await import(process.argv[1]);
const style = new Proxy({}, { get: () => (text) => text });
const results = [];
for (const line of JSON.parse(process.argv[2])) {
  if (line.startsWith("! ")) {
    results.push({ line, status: 0, out: execFileSync("/bin/sh", ["-c", line.slice(2)], { encoding: "utf8" }), err: "" });
    continue;
  }
  let out = "", err = "";
  const terminal = {
    write: (text) => { out += text; }, note: (text) => { err += text; },
    style, noteStyle: style, interactive: false, columns: undefined, noteColumns: undefined,
  };
  const status = await run(line.split(" "), terminal);
  results.push({ line, status, out, err });
}
console.log(JSON.stringify(results));
`;

/** What a command line gave. */
export interface LineResult {
  readonly line: string;
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs command lines of the built `userpci` in the guest, one after the other in one process: a start of Node takes a second there. A line
 * that begins with `! ` is the shell's.
 *
 * @returns what a line gave; of a line that is there twice the first
 */
export async function runLines(
  vm: Vm,
  lines: readonly string[],
  options: RunOptions = {},
): Promise<(line: string) => LineResult> {
  const argv = ["node", "--input-type=module", "-e", script, cli, JSON.stringify(lines)];
  const { stdout } = await vm.run(argv, { check: true, user: "root", timeoutMs: 230_000, ...options });
  const results = JSON.parse(stdout) as LineResult[];
  return (line) => results.find((result) => result.line === line)!;
}
