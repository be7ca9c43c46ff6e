import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { expect } from "vitest";

/**
 * Runs a program in a process of its own, for what two processes do to each other.
 *
 * @param program a module's source, which prints JSON
 * @returns what it printed, once it has ended well
 */
export async function resultOf<T>(program: string): Promise<T> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [out, [status]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  expect(status).toBe(0);
  return JSON.parse(out) as T;
}
