import { readFile } from "node:fs/promises";
import { checks } from "@userpci/sysfs/doctor";
import { expect, it } from "vitest";
import { parts, withParts } from "./document.ts";

const DOCUMENT = new URL("../../docs/doctor.md", import.meta.url);

it("docs/doctor.md has every check and every set-up that is tested", async () => {
  const document = await readFile(DOCUMENT, "utf8");
  for (const { name } of parts(checks)) expect(document).toContain(`<!-- ${name} -->`);
  expect(document).toBe(withParts(document, checks));
});

it("a check is explained by earlier ones only", () => {
  const seen = new Set<string>();
  for (const { id, after } of checks) {
    for (const cause of after) expect(seen, `${id} after ${cause}`).toContain(cause);
    expect(seen).not.toContain(id);
    seen.add(id);
  }
});
