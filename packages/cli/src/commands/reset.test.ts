import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CommandCall } from "../command.ts";
import { createStyle } from "../style.ts";
import { run } from "./reset.ts";

const root = mkdtempSync(join(tmpdir(), "userpci-reset-plan-"));
beforeAll(() => {
  const config = new Uint8Array(256);
  const port = { id: "8086:1901", classCode: 0x060400, driver: "pcieport", config };
  const nic = { id: "8086:10d3", driver: "e1000e", resetMethods: "flr", config };
  writeMachine(root, {
    functions: [
      { ...port, address: "0000:00:01.0" },
      { ...port, address: "0000:00:02.0" },
      { ...nic, address: "0000:01:00.0", parent: "0000:00:01.0" },
      { ...nic, address: "0000:01:00.1", parent: "0000:00:01.0" },
      { ...nic, address: "0000:02:00.0", parent: "0000:00:02.0" },
    ],
  });
});
afterAll(() => rmSync(root, { recursive: true }));

it.each([
  ["00:01.0", "none: it is on a root bus, which cannot be reset"],
  ["01:00.0", "a reset of the bus hits 0000:01:00.1 (e1000e)"],
  ["02:00.0", "none below its port"],
])("the plan for %s says whom a reset of its bus hits", async (address, others) => {
  const call = { arguments: [address], rest: [], options: { root, plan: true } };
  const { text } = await run(call as unknown as CommandCall);
  expect(text(createStyle(false)).at(-1)).toBe(`  others   ${others}`);
});
