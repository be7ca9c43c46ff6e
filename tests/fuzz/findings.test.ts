import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { operations } from "./operations.ts";

// Inputs that broke something once, and the shortest ones there are.
const folder = new URL("findings/", import.meta.url);
const findings = existsSync(folder) ? readdirSync(folder) : [];
const inputs: readonly (readonly [string, Uint8Array])[] = [
  ["nothing", new Uint8Array(0)],
  ["a header without a byte set", new Uint8Array(64)],
  ["ones", new Uint8Array(4096).fill(0xff)],
  ...findings.map((name) => [name, readFileSync(new URL(name, folder))] as const),
];

it.each(inputs)("%s breaks no operation", (_name, input) => {
  for (const [name, operation] of Object.entries(operations)) {
    expect(() => operation(Uint8Array.from(input)), name).not.toThrow();
  }
});
