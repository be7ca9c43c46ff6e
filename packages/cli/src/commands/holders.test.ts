import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { printed } from "../testing/printed.ts";
import { expectLines, expectSchema } from "../testing/schema.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-holders-"));
  const edu = { id: "1234:11e8", driver: "vfio-pci" };
  writeMachine(root, {
    functions: [
      { ...edu, address: "0000:00:04.0", group: 7 },
      { ...edu, address: "0000:00:04.1", group: 7 },
      { ...edu, address: "0000:00:05.0", group: 8, vfioDevice: "vfio0" },
      { ...edu, address: "0000:00:06.0" },
    ],
    nodes: ["/dev/vfio/7", "/dev/vfio/8", "/dev/vfio/devices/vfio0"],
    processes: [
      { pid: 41, comm: "node", cmdline: ["node", "driver.js"], fds: ["/dev/vfio/7", "/dev/vfio/vfio"] },
      { pid: 57, comm: "qemu", fds: ["/dev/vfio/devices/vfio0"] },
    ],
    files: { "/etc/passwd": `alice:x:${process.getuid!()}:0::/:/bin/sh\n` },
  });
});
afterAll(() => rmSync(root, { recursive: true }));

const holders = (...argv: string[]) => printed("holders", "--root", root, ...argv);

it("prints who has which function open, by node, with all functions of a group", async () => {
  const { status, out, notes } = await holders();
  expect({ status, notes }).toEqual({ status: 0, notes: "" });
  expect(out.split("\n").map((line) => line.trim())).toEqual([
    "PID  USER   NODE                     FUNCTIONS                  COMMAND",
    "41  alice  /dev/vfio/7              0000:00:04.0 0000:00:04.1  node driver.js",
    "57  alice  /dev/vfio/devices/vfio0  0000:00:05.0               qemu",
    "",
  ]);
});

it("prints those of one function, also for programs", async () => {
  const { out } = await holders("00:04.1", "--json");
  expect(expectSchema("holders", out)).toEqual({
    schema: "userpci:holders/1",
    holders: [
      {
        pid: 41,
        command: "node driver.js",
        path: "/dev/vfio/7",
        uid: process.getuid!(),
        user: "alice",
        addresses: ["0000:00:04.0", "0000:00:04.1"],
      },
    ],
    unreadable: 0,
  });
});

it("prints a holder a line, and at the end how many processes it could not look at", async () => {
  expect(expectLines("holders", (await holders("--jsonl")).out)).toMatchObject([
    { schema: "userpci:holders/1", pid: 41, path: "/dev/vfio/7" },
    { schema: "userpci:holders/1", pid: 57 },
    { schema: "userpci:holders/1", unreadable: 0 },
  ]);
});

it("says so where nobody has one open, and where there is none", async () => {
  expect(await holders("00:06.0")).toEqual({
    status: 0,
    out: "",
    notes: "no process has 00:06.0 open through VFIO\n",
  });
  expect(await holders("00:07.0")).toMatchObject({
    status: 1,
    notes: expect.stringContaining("ERR_NO_DEVICE"),
  });
});

it("does not say that nobody has one open where the tree has no processes", async () => {
  const copy = join(root, "copy");
  writeMachine(copy, {
    functions: [{ address: "0000:00:04.0", id: "1234:11e8", driver: "vfio-pci", group: 7 }],
  });
  expect(await holders("--root", copy)).toEqual({
    status: 0,
    out: "",
    notes: "this copy has no processes, so it does not tell who has a function open\n",
  });
});
