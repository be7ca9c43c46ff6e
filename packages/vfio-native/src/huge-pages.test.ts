import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { countHugePages } from "./huge-pages.ts";

it("counts as free what is neither used nor promised to somebody, and nothing of a size that is not there", () => {
  const root = mkdtempSync(join(tmpdir(), "userpci-hugepages-"));
  try {
    mkdirSync(join(root, "hugepages-2048kB"));
    for (const [name, count] of Object.entries({ nr: 10, free: 6, resv: 2 })) {
      writeFileSync(join(root, "hugepages-2048kB", `${name}_hugepages`), `${count}\n`);
    }
    expect(countHugePages(2 ** 21, root)).toEqual({ total: 10, free: 4 });
    expect(countHugePages(2 ** 30, root)).toEqual({ total: 0, free: 0 });
  } finally {
    rmSync(root, { recursive: true });
  }
});
