import { PciError } from "@userpci/interface";
import { expect, it } from "vitest";
import { tryEach } from "./restore-for-good.ts";

const functions = ["0000:01:00.0", "0000:02:00.0"];

async function tried(single: boolean, error: Error) {
  const seen: string[] = [];
  const failed = await tryEach(functions, single, async (address) => {
    seen.push(address);
    if (address === functions[0]) throw error;
  }).catch(() => null);
  return { seen, failed };
}

it("goes on after a function for which it fails, and tells of it", async () => {
  const busy = new PciError("ERR_BUSY", "userpci did not write it");
  expect(await tried(false, busy)).toMatchObject({
    seen: functions,
    failed: [{ address: functions[0], error: { code: "ERR_BUSY" } }],
  });
});

it.each([
  ["for want of rights", false, new PciError("ERR_PERMISSION", "not for this user")],
  ["where one function was named", true, new PciError("ERR_BUSY", "userpci did not write it")],
  ["for a fault of its own", false, new TypeError("a fault")],
])("ends at once %s", async (_why, single, error) => {
  expect(await tried(single, error)).toEqual({ seen: [functions[0]], failed: null });
});
