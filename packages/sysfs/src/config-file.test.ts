import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isPciError } from "@userpci/interface";
import { wrongRefusals } from "@userpci/interface/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigFile } from "./config-file.ts";
import { writeMachine } from "./testing/machine.ts";

const address = "0000:00:04.0";
let root: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-config-"));
  const config = Uint8Array.from({ length: 256 }, (_, index) => index);
  writeMachine(root, { functions: [{ address, id: "1234:11e8", config }] });
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

function codeOf(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return isPciError(error) ? error.code : error;
  }
  return "nothing thrown";
}

const onDisk = (): Uint8Array => readFileSync(join(root, "sys/bus/pci/devices", address, "config"));

describe("a config file", () => {
  it("is read little-endian with the width asked for", () => {
    using file = new ConfigFile(address, { root });
    expect(file.size).toBe(256);
    expect([file.read8(5), file.read16(6), file.read32(8)]).toEqual([0x05, 0x0706, 0x0b0a_0908]);
  });

  it("is written where it was opened for that, and nothing beside", () => {
    using file = new ConfigFile(address, { root, writable: true });
    file.write8(0x40, 0x1aa);
    file.write16(0x42, 0x1_bbcc);
    file.write32(0x44, 0xddee_ff00);
    expect([...onDisk().subarray(0x3f, 0x49)]).toEqual([
      0x3f, 0xaa, 0x41, 0xcc, 0xbb, 0x00, 0xff, 0xee, 0xdd, 0x48,
    ]);
  });

  it("refuses to be written otherwise, and accesses of 64 bits", () => {
    using file = new ConfigFile(address, { root });
    expect(codeOf(() => file.write8(0, 0))).toBe("ERR_NOT_SUPPORTED");
    expect(codeOf(() => file.read64(0))).toBe("ERR_NOT_SUPPORTED");
  });

  it("refuses what the contract of a region says, and writes nothing", () => {
    using file = new ConfigFile(address, { root, writable: true });
    const before = onDisk();
    expect(wrongRefusals(file, { has64: false })).toEqual([]);
    expect(onDisk()).toEqual(before);
  });

  it("is closed once, and then says so", () => {
    const file = new ConfigFile(address, { root });
    file.close();
    file.close();
    expect(file.closed).toBe(true);
    expect(codeOf(() => file.read8(0))).toBe("ERR_CLOSED");
  });

  it("takes an address as people write it, and nothing that is none", () => {
    using file = new ConfigFile("0:4.0", { root });
    expect(file.read8(5)).toBe(0x05);
    expect(codeOf(() => new ConfigFile("../devices/0000:00:04.0", { root }))).toBe("ERR_INVALID_ARGUMENT");
  });

  it("says that there is no such function", () => {
    expect(codeOf(() => new ConfigFile("0000:00:1d.0", { root }))).toBe("ERR_NO_DEVICE");
  });

  it("says that a copy of a tree lacks the file", () => {
    writeMachine(root, { functions: [{ address: "0000:00:05.0", id: "1234:11e8" }] });
    expect(() => new ConfigFile("0000:00:05.0", { root })).toThrow(/0000:00:05.0 has no config file/);
  });

  it("that cannot be read says so, and is not left open", () => {
    mkdirSync(join(root, "sys/bus/pci/devices/0000:00:06.0/config"), { recursive: true });
    const open = readdirSync("/proc/self/fd").length;
    let error: unknown;
    try {
      new ConfigFile("0000:00:06.0", { root });
    } catch (thrown) {
      error = thrown;
    }
    expect(isPciError(error, "EISDIR") && error.hint).toMatch(/dmesg/);
    expect(readdirSync("/proc/self/fd")).toHaveLength(open);
  });
});
