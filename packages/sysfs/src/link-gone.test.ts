import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ConditionWatch } from "./condition.ts";
import { readLink } from "./link.ts";
import { writeMachine } from "./testing/machine.ts";

const ADDRESS = "0000:00:1c.0";
let gone = false;

// No file system that a test may make answers a read with EINVAL.
vi.mock("node:fs", async (load) => {
  const fs = await load<typeof import("node:fs")>();
  const readFileSync = (...given: Parameters<typeof fs.readFileSync>) => {
    if (!gone || !/_link_(speed|width)$/.test(String(given[0]))) return fs.readFileSync(...given);
    throw Object.assign(new Error("EINVAL: invalid argument, read"), { code: "EINVAL", syscall: "read" });
  };
  return { ...fs, readFileSync };
});

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-link-"));
  const directory = `/sys/devices/pci0000:00/${ADDRESS}`;
  writeMachine(root, {
    functions: [{ address: ADDRESS, id: "8086:3420" }],
    files: {
      [`${directory}/current_link_speed`]: "8.0 GT/s PCIe\n",
      [`${directory}/current_link_width`]: "4\n",
      [`${directory}/max_link_speed`]: "16.0 GT/s PCIe\n",
      [`${directory}/max_link_width`]: "8\n",
    },
  });
});
afterEach(() => {
  gone = false;
  rmSync(root, { recursive: true });
});

it("a function that was just pulled out has no link, and what watches it goes on", () => {
  const watch = new ConditionWatch({ root });
  expect(readLink(ADDRESS, { root })).toEqual({ speed: 8, width: 4, maxSpeed: 16, maxWidth: 8 });
  gone = true;
  expect(readLink(ADDRESS, { root })).toBeNull();
  expect(watch.changes()).toEqual([]);
});
