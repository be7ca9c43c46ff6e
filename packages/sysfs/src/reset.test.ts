import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { resetFunction } from "./reset.ts";
import { writeMachine } from "./testing/machine.ts";

const NIC = "0000:01:00.0";
let root = "";
const at = (name: string) => join(root, "sys/bus/pci/devices", NIC, name);
const text = (name: string) => readFileSync(at(name), "utf8").trim();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-reset-"));
  writeMachine(root, {
    functions: [
      {
        address: NIC,
        id: "8086:10d3",
        resetMethods: "flr bus",
        config: Buffer.alloc(256),
        attributes: { reset: "" },
      },
    ],
  });
});
afterEach(() => rmSync(root, { recursive: true }));

it("is no success for a function that does not answer after it, and refuses a method that it lacks", async () => {
  await expect(resetFunction(NIC, { root, method: "pm" })).rejects.toMatchObject({
    code: "ERR_NO_RESET",
    hint: "it has flr, bus",
  });
  expect(text("reset")).toBe("");
  writeFileSync(at("config"), Buffer.alloc(256, 0xff));
  await expect(resetFunction(NIC, { root })).rejects.toMatchObject({ code: "ERR_DEVICE_GONE" });
});
