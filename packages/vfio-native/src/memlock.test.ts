import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readMemlock } from "./memlock.ts";

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A process's procfs directory with what proc(5) shows. */
function procOf(soft: string, lockedKib: number, capabilities: string): string {
  const folder = mkdtempSync(join(tmpdir(), "userpci-proc-"));
  folders.push(folder);
  writeFileSync(
    join(folder, "limits"),
    `Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         ${soft.padEnd(20)} ${soft.padEnd(20)} bytes\n`,
  );
  writeFileSync(
    join(folder, "status"),
    `Name:\tnode\nVmLck:\t${String(lockedKib).padStart(8)} kB\nCapEff:\t${capabilities}\n`,
  );
  return folder;
}

describe("readMemlock", () => {
  it("reads limit and use in bytes", () => {
    expect(readMemlock(procOf("8388608", 132, "0000000000000000"))).toEqual({
      limit: 8_388_608,
      locked: 132 * 1024,
      exempt: false,
    });
  });

  it("knows that CAP_IPC_LOCK is not bound by the limit", () => {
    expect(readMemlock(procOf("65536", 0, "0000000000004000")).exempt).toBe(true);
    expect(readMemlock(procOf("65536", 0, "ffffffffffffbfff")).exempt).toBe(false);
  });

  it("takes unlimited for infinity", () => {
    expect(readMemlock(procOf("unlimited", 0, "0")).limit).toBe(Number.POSITIVE_INFINITY);
  });

  it("reads this process", () => {
    const { limit, locked } = readMemlock();
    expect(limit).toBeGreaterThan(0);
    expect(locked).toBeGreaterThanOrEqual(0);
  });
});
