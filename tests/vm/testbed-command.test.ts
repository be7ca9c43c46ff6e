import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { expectLines, expectSchema } from "../../packages/cli/src/testing/schema.ts";

const userpci = fileURLToPath(new URL("../../packages/cli/bin/userpci.js", import.meta.url));

/** What `userpci testbed` leaves. */
async function testbed(...argv: string[]): Promise<{ code: number; stdout: string }> {
  const command = promisify(execFile)(process.execPath, [userpci, "testbed", ...argv]);
  return command.then(({ stdout }) => ({ code: 0, stdout })).catch((error) => error);
}

it("userpci testbed runs a command as somebody in a machine, and ends as that does", async () => {
  const { code, stdout } = await testbed(
    ...["--device", "edu", "--device", "pci-testdev", "--user", "65534", "--jsonl", "--"],
    ...["sh", "-c", "id -u; cat /sys/bus/pci/devices/0000:00:0[45].0/vendor; exit 7"],
  );
  expect(code).toBe(7);
  const lines = expectLines("testbed", stdout);
  const printed = lines.slice(0, -1).map(({ text }) => text);
  expect(printed.join("")).toBe("65534\n0x1234\n0x1b36\n");
  expect(lines.at(-1)).toMatchObject({ type: "ended", status: 7, dmaFaults: [] });
});

it.each([
  [["--kernel", "mine"], "--kernel takes iommufd"],
  [["--timeout", "soon"], "a number from 0 to "],
  [["--timeout", "3000000"], "a number from 0 to "],
  [["--memory", "x"], "give a number with M or G"],
])("userpci testbed refuses %j before it boots", async (options, hint) => {
  const { code, stdout } = await testbed(...options, "--json", "--", "true");
  expect(code).toBe(2);
  const { error } = expectSchema("error", stdout);
  expect(error.hint).toContain(hint);
  // What it says once is enough.
  expect(error.causes).toEqual([]);
});
