import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeHolders, endHolders, findHolders, findHoldersSync } from "./holders.ts";
import { writeMachine } from "./testing/machine.ts";

/** Code of the error that looking at a folder ends in. */
function accessError(folder: string): string | undefined {
  try {
    readdirSync(folder);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-holders-"));
  writeMachine(root, {
    functions: [],
    processes: [
      { pid: 1, comm: "init", fds: ["/dev/null"] },
      {
        pid: 41,
        comm: "node",
        cmdline: ["node", "driver.js"],
        fds: ["/dev/null", "/dev/vfio/7", "/dev/vfio/7"],
      },
      { pid: 9, comm: "kworker/0:1", fds: ["/dev/vfio/devices/vfio0 (deleted)"] },
      { pid: 77, comm: "long", cmdline: ["x".repeat(500)], fds: ["/dev/vfio/8"] },
      { pid: 78, comm: "odd", cmdline: ["a\x1b[2J\n\tb", "c\u009b"], fds: ["/dev/vfio/9"] },
    ],
    // A process that has just gone, and a file that is no process.
    files: { "/proc/99/comm": "gone\n", "/proc/uptime": "1 1\n" },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

describe("findHolders", () => {
  it("names each process that has a node open, once", async () => {
    expect(await findHolders(["/dev/vfio/7"], { root })).toEqual({
      holders: [{ pid: 41, command: "node driver.js", path: "/dev/vfio/7" }],
      unreadable: 0,
    });
  });

  it("looks for several nodes in one walk, also for one that was deleted since", () => {
    const { holders } = findHoldersSync(["/dev/vfio/7", "/dev/vfio/devices/vfio0"], { root });
    expect(holders.map(({ pid, command }) => [pid, command])).toEqual([
      [9, "kworker/0:1"],
      [41, "node driver.js"],
    ]);
    expect(describeHolders(holders)).toBe("pid 9 (kworker/0:1), pid 41 (node driver.js)");
  });

  it("prints nothing of a command line that a terminal would obey", async () => {
    const [holder] = (await findHolders(["/dev/vfio/9"], { root })).holders;
    expect(holder?.command).toBe("a [2J b c");
  });

  it("shortens a long command line", () => {
    const [holder] = findHoldersSync(["/dev/vfio/8"], { root }).holders;
    expect(holder?.command).toHaveLength(100);
  });

  it("finds nobody for a node that is not open", () => {
    expect(findHoldersSync(["/dev/vfio/6"], { root }).holders).toEqual([]);
    expect(describeHolders([])).toBe("");
  });

  it("counts the processes that this user may not look at", ({ skip }) => {
    const root = process.geteuid?.() === 0;
    if (root) process.seteuid?.(65534);
    try {
      if (accessError("/proc/1/fd") !== "EACCES") skip("this user may look at process 1, or does not see it");
      expect(findHoldersSync(["/dev/vfio/7"]).unreadable).toBeGreaterThan(0);
    } finally {
      if (root) process.seteuid?.(0);
    }
  });

  it("finds this very process on this very system", async () => {
    const path = join(root, "held");
    const file = openSync(path, "w");
    try {
      const mine = expect.objectContaining({ pid: process.pid, path });
      expect((await findHolders([path])).holders).toContainEqual(mine);
      expect(findHoldersSync([path]).holders).toContainEqual(mine);
    } finally {
      closeSync(file);
    }
    expect(findHoldersSync([path]).holders).toEqual([]);
  });
});

describe("endHolders", () => {
  it("tells a program to close what it holds itself, and who else is to end", () => {
    const [other, self] = [41, process.pid].map((pid) => ({
      pid,
      command: "node x.js",
      path: "/dev/vfio/7",
    }));
    expect(endHolders([])).toBe("");
    expect(endHolders([other!])).toBe("end pid 41 (node x.js)");
    expect(endHolders([self!])).toBe(`close the device in this process (pid ${process.pid})`);
    expect(endHolders([self!, other!])).toMatch(/^end pid 41 \(node x\.js\), and close the device in this/);
  });
});
