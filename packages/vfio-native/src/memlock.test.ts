import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { readMemlock, readUserMemlock } from "./memlock.ts";

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

  it("knows that the kernel asks for it in the initial user namespace, not in a container's", () => {
    const exemptIn = (namespace: string): boolean => {
      const folder = procOf("8388608", 0, "000001ffffffffff");
      mkdirSync(join(folder, "ns"));
      symlinkSync(namespace, join(folder, "ns", "user"));
      return readMemlock(folder).exempt;
    };
    expect(exemptIn("user:[4026531837]")).toBe(true);
    expect(exemptIn("user:[4026532201]")).toBe(false);
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

describe("readUserMemlock", () => {
  it("adds what all processes of the user have pinned", () => {
    const root = mkdtempSync(join(tmpdir(), "userpci-proc-"));
    folders.push(root);
    const processes: [pid: number, uid: number, pinned: string][] = [
      [10, 1000, "VmPin:\t      64 kB\n"],
      [11, 1000, "VmPin:\t      16 kB\n"],
      [12, 0, "VmPin:\t     999 kB\n"],
      [13, 1000, ""], // a thread of the kernel's has none
    ];
    for (const [pid, uid, pinned] of processes) {
      mkdirSync(join(root, String(pid)));
      const status = `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n${pinned}CapEff:\t0000000000000000\n`;
      writeFileSync(join(root, String(pid), "status"), status);
      const limits = "Max locked memory         8388608              8388608              bytes\n";
      writeFileSync(join(root, String(pid), "limits"), limits);
    }
    mkdirSync(join(root, "14")); // has just ended
    symlinkSync("10", join(root, "self"));
    expect(readUserMemlock(root)).toEqual({ limit: 8_388_608, locked: 80 * 1024, exempt: false });
  });

  it("reads this system", () => {
    expect(readUserMemlock().locked).toBeGreaterThanOrEqual(0);
  });
});
