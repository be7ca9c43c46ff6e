import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { keepAwake } from "./awake.ts";
import { writeMachine } from "./testing/machine.ts";

const address = "0000:00:04.0";
const root = mkdtempSync(join(tmpdir(), "userpci-awake-"));
writeMachine(root, { functions: [{ address, id: "1234:11e8" }] });
const directory = join(root, "sys/bus/pci/devices", address, "power");
afterAll(() => rmSync(root, { recursive: true }));

it("keeps a function awake that may sleep, until it is given up, and leaves one that may not", () => {
  using nothing = keepAwake(address, { root });
  expect(nothing).toBeDefined();
  mkdirSync(directory);
  const control = join(directory, "control");
  for (const [allowed, before] of [
    ["auto", "auto"],
    ["on", "on"],
  ] as const) {
    writeFileSync(control, `${before}\n`);
    const awake = keepAwake("00:04.0", { root });
    expect(readFileSync(control, "utf8").slice(0, 2)).toBe("on");
    awake[Symbol.dispose]();
    expect(readFileSync(control, "utf8").trim().slice(0, allowed.length)).toBe(allowed);
    writeFileSync(control, "kept");
    awake[Symbol.dispose]();
    expect(readFileSync(control, "utf8")).toBe("kept");
  }
});
