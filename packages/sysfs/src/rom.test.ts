import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readEnabled, readRom } from "./rom.ts";
import { writeMachine } from "./testing/machine.ts";

const ADDRESS = "0000:00:04.0";
let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-rom-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Resources of a function, of which the seventh is the ROM. */
const resources = (romBytes: number): string =>
  Array.from({ length: 13 }, (_, index) =>
    index === 6 && romBytes > 0
      ? `0x00000000fe000000 0x${(0xfe00_0000 + romBytes - 1).toString(16).padStart(16, "0")} 0x0000000000046200\n`
      : "0x0000000000000000 0x0000000000000000 0x0000000000000000\n",
  ).join("");

function machine(romBytes: number, files: Record<string, string> = {}): void {
  const directory = `/sys/devices/pci0000:00/${ADDRESS}`;
  const placed = Object.entries(files).map(([name, text]) => [`${directory}/${name}`, text]);
  writeMachine(root, {
    functions: [{ address: ADDRESS, id: "1234:11e8" }],
    files: { [`${directory}/resource`]: resources(romBytes), ...Object.fromEntries(placed) },
  });
}

it("switches the ROM on, reads it, and switches it off in the kernel's words", () => {
  const path = join(root, "rom");
  writeFileSync(path, "ABCDEFGH");
  expect(Buffer.from(readEnabled(path, 6, ADDRESS)).toString()).toBe("1BCDEF");
  expect(readFileSync(path, "latin1")).toBe("0\nCDEFGH");
});

it("reads a copy as it is, and leaves it so", () => {
  machine(2048, { rom: "U\xaa and more" });
  expect(readRom(ADDRESS, { root })?.subarray(0, 1)).toEqual(new Uint8Array([0x55]));
  expect(readFileSync(join(root, "sys/bus/pci/devices", ADDRESS, "rom"), "utf8")).toBe("U\xaa and more");
});

it("has none of a function without one, and says what is in the way", () => {
  machine(0);
  expect(readRom(ADDRESS, { root })).toBeNull();
  machine(2048);
  expect(() => readRom(ADDRESS, { root })).toThrow(expect.objectContaining({ code: "ENOENT" }));
  expect(() => readEnabled(join(root, "absent"), 1, ADDRESS)).toThrow(
    expect.objectContaining({ code: "ENOENT", hint: expect.any(String) }),
  );
});
