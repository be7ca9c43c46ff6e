import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadNative } from "./native.ts";
import { explainMapping, openResource } from "./resource-region.ts";

const address = "0000:00:04.0";
const root = mkdtempSync(join(tmpdir(), "userpci-resource-"));
const directory = join(root, "sys/bus/pci/devices", address);
const page = 4096;

// A plain file in place of the kernel's maps in the same way.
beforeAll(() => {
  const config = new Uint8Array(256);
  config.set([0x34, 0x12, 0xe8, 0x11, 0x02], 0);
  writeMachine(root, {
    functions: [
      {
        address,
        id: "1234:11e8",
        config,
        // The last one has no file, as where the kernel maps none.
        resources: [
          [0xfe00_0000n, 0xfe00_1fffn, 0x4_0200n],
          [0xfe00_2100n, 0xfe00_21ffn, 0x4_0200n],
          [0xc000n, 0xc01fn, 0x4_0101n],
          [0xfe00_3000n, 0xfe00_3fffn, 0x4_0200n],
        ],
      },
    ],
  });
  for (const [index, size] of [2 * page, page, 0x20].entries()) {
    const bytes = Buffer.alloc(size, index + 1);
    bytes.writeUInt32LE(0x1234_5678, index === 1 ? 0x100 : 0);
    writeFileSync(join(directory, `resource${index}`), bytes);
  }
});
afterAll(() => rmSync(root, { recursive: true }));

describe("a BAR through sysfs", () => {
  it.each([
    [0, 2 * page],
    [1, 0x100],
    [2, 0x20],
  ])("%i is all of it, and nothing beside it", (index, size) => {
    using bar = openResource(address, index, { root });
    expect([bar.size, bar.read32(0)]).toEqual([size, 0x1234_5678]);
    expect(bar.read8(size - 1)).toBe(index + 1);
    expect(() => bar.read8(size)).toThrow(expect.objectContaining({ code: "ERR_OUT_OF_RANGE" }));
    expect(() => bar.read32(2)).toThrow(expect.objectContaining({ code: "ERR_MISALIGNED" }));
  });

  it.each([0, 1, 2])("%i is written where that was asked for", (index) => {
    using bar = openResource(address, index, { root, writable: true });
    bar.write16(4, 0xbeef);
    expect(bar.read16(4)).toBe(0xbeef);
    const file = readFileSync(join(directory, `resource${index}`));
    expect(file.readUInt16LE(index === 1 ? 0x104 : 4)).toBe(0xbeef);
  });

  it.each([
    ["igb", "the function's driver keeps resource0 to itself", `sudo userpci bind ${address}`],
    [
      "vfio-pci",
      "the program that has the function open keeps resource0 to itself",
      `userpci holders ${address}`,
    ],
  ])("that %s keeps to itself is not mapped, and who is to end is told", (driver, message, way) => {
    const error = Object.assign(new Error("mapping"), { errno: 22 });
    const explained = explainMapping("resource0", { address, driver }, error);
    expect(explained).toMatchObject({ code: "ERR_BUSY", message, hint: expect.stringContaining(way) });
  });

  it("leaves nothing open, and is closed once", () => {
    const before = loadNative().ledger();
    const bar = openResource(address, 0, { root });
    expect(loadNative().ledger()).not.toEqual(before);
    bar.close();
    bar.close();
    expect(loadNative().ledger()).toEqual(before);
    expect(() => bar.read8(0)).toThrow(expect.objectContaining({ code: "ERR_CLOSED" }));
    expect(() => openResource(address, 4, { root })).toThrow(
      expect.objectContaining({ code: "ERR_NOT_SUPPORTED", hint: "it has BAR 0, BAR 1, BAR 2, BAR 3" }),
    );
    expect(() => openResource(address, 3, { root })).toThrow(
      expect.objectContaining({
        code: "ERR_NOT_SUPPORTED",
        message: `the kernel offers no ${directory}/resource3: ENOENT`,
        hint: expect.stringContaining(`userpci bind ${address}`),
      }),
    );
    expect(loadNative().ledger()).toEqual(before);
  });
});
