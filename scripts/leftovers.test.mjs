import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { leftovers } from "./leftovers.mjs";

it("what was compiled from a source that is gone is left over, and nothing else", () => {
  const folder = mkdtempSync(join(tmpdir(), "userpci-leftovers-"));
  try {
    expect(leftovers(folder)).toEqual([]);
    const files = ["src/a.ts", "src/uapi/b.ts", "dist/a.js", "dist/a.d.ts", "dist/uapi/b.js"];
    const others = ["dist/.tsbuildinfo", "dist/bundled-main.cjs", "dist/a.js.map", "dist/pieces/c.js"];
    const gone = ["dist/c.d.ts", "dist/c.js", "dist/uapi/d.js"];
    for (const file of [...files, ...others, ...gone]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), "");
    }
    expect(leftovers(folder).sort()).toEqual(gone);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
