import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";

const output = new URL("../dist/output.js", import.meta.url).href;

/** Has a process of its own write a megabyte and a word, to a reader that comes late. */
async function readLate(before: string): Promise<string> {
  const program = `
    const { Output } = await import(${JSON.stringify(output)});
    ${before}
    const output = new Output(1, (error) => { process.exitCode = 1; console.error(error.code); });
    output.write("x".repeat(1e6));
    output.write(new TextEncoder().encode("end"));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  const closed = once(child, "close");
  await setTimeout(200);
  const [out, notes] = await Promise.all([text(child.stdout), text(child.stderr)]);
  expect([notes, await closed]).toEqual(["", [0, null]]);
  return out;
}

it.each([
  ["that waits for its reader", ""],
  // Node makes a pipe non-blocking when it opens its stream.
  ["that does not wait", "void process.stdout;"],
])("writes everything in its order to a pipe %s", async (_, before) => {
  expect((await readLate(before)).replace(/^x+/, (letters) => `${letters.length} `)).toBe("1000000 end");
});
