import { lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { copyToFile } from "./output-file.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "userpci-output-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

it("a copy is whole, and replaces what was there", () => {
  const [from, to] = [join(folder, "from"), join(folder, "to")];
  const content = Buffer.alloc(2 ** 21 + 5, "recording");
  writeFileSync(from, content);
  writeFileSync(to, "another");
  copyToFile(from, to);
  expect(readFileSync(to).equals(content)).toBe(true);
});

it("a copy that fails removes nothing of what it was to go to, such as a device", () => {
  const [from, to] = [join(folder, "short"), join(folder, "full")];
  writeFileSync(from, "recording");
  symlinkSync("/dev/full", to);
  expect(() => copyToFile(from, to)).toThrow(expect.objectContaining({ code: "ENOSPC" }));
  expect(lstatSync(to).isSymbolicLink()).toBe(true);
});
