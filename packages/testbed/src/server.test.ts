import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BootOptions } from "./options.ts";
import { VmServer } from "./server.ts";

let server: VmServer | undefined;
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "userpci-server-"));
});
afterEach(async () => {
  await server?.close();
  await rm(directory, { recursive: true });
});

test("a machine that did not boot is booted again for the next client", async () => {
  // Each boot fails at once, and says what of its options is wrong.
  const machines: Record<string, BootOptions> = { edu: { memory: "much" } };
  server = await VmServer.listen(join(directory, "socket"), machines);
  const first = await Promise.allSettled([server.enter("edu", "a"), server.enter("edu", "a")]);
  expect(first.map((outcome) => outcome.status === "rejected" && outcome.reason.summary)).toEqual([
    'memory is "much"',
    'memory is "much"',
  ]);
  machines["edu"] = { hugepages: -1 };
  await expect(server.enter("edu", "a")).rejects.toMatchObject({ summary: "hugepages is -1" });
});

test("a machine that nobody described is refused with those there are", async () => {
  server = await VmServer.listen(join(directory, "socket"), { edu: {}, nvme: {} });
  await expect(server.enter("toString", "a")).rejects.toMatchObject({
    code: "ERR_TESTBED_ARGUMENT",
    summary: expect.stringContaining("known: edu, nvme"),
  });
});
