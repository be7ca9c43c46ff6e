import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readPciIds } from "./names.ts";

it("reads the database where a distribution keeps it, or the packed one", () => {
  const root = mkdtempSync(join(tmpdir(), "userpci-names-"));
  try {
    expect(readPciIds(root).device(0x8086, 0x10c9)).toBe("82576 Gigabit Network Connection");
    mkdirSync(join(root, "usr/share/hwdata"), { recursive: true });
    writeFileSync(join(root, "usr/share/hwdata/pci.ids"), "8086  Intel Corporation\n\t10d3  82574L\n");
    expect(readPciIds(root).device(0x8086, 0x10d3)).toBe("82574L");
  } finally {
    rmSync(root, { recursive: true });
  }
});
