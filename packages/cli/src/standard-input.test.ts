import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";

const input = new URL("../dist/standard-input.js", import.meta.url).href;
const program = `
  const { readStandardInput } = await import(${JSON.stringify(input)});
  const bytes = readStandardInput();
  process.stdout.write(bytes.length + " " + bytes.subarray(-3));`;
const node = `${process.execPath} --input-type=module -e '${program}'`;

it.each([
  ["that waits", ""],
  // Node makes the pipe non-blocking for whoever has it.
  ["that does not wait", `${process.execPath} -e 'process.stdin.on("data", () => {}).pause()'; `],
])("reads all of a pipe %s, however late it comes", (_, before) => {
  const script = `(sleep 0.3; head -c 300000 /dev/zero | tr '\\0' x; sleep 0.1; printf end) | (${before}${node})`;
  const output = execFileSync("sh", ["-c", script], { encoding: "utf8" });
  expect(output).toBe("300003 end");
});
