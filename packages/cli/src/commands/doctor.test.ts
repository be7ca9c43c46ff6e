import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeMachine } from "@userpci/sysfs/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../run.ts";
import { createStyle } from "../style.ts";
import { expectLines, expectSchema } from "../testing/schema.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "userpci-doctor-"));
  writeMachine(root, {
    functions: [
      { address: "0000:00:04.0", id: "1234:11e8", driver: "vfio-pci", group: 4, resetMethods: "flr" },
      { address: "0000:00:05.0", id: "8086:10d3", driver: "e1000e", group: 5 },
    ],
    nodes: ["/dev/vfio/vfio", "/dev/vfio/4"],
    files: {
      "/proc/cmdline": "quiet\n",
      "/proc/interrupts": " 24:  1  IR-PCI-MSI  0-edge  nvme0q0\n",
      "/proc/cpuinfo": "vendor_id\t: GenuineIntel\n",
      "/proc/self/status": "Uid:\t4242\t4242\nGid:\t4242\t4242\n",
      "/proc/self/limits": "Max locked memory         8388608              8388608              bytes     \n",
      "/sys/class/iommu/dmar0/uevent": "",
    },
  });
  for (const node of ["vfio", "4"]) chmodSync(join(root, "dev/vfio", node), 0o666);
});
afterAll(() => rmSync(root, { recursive: true }));

async function doctor(...words: string[]) {
  let [out, notes] = ["", ""];
  const status = await run(["doctor", ...words, "--root", root], {
    write: (text) => {
      out += text;
    },
    note: (text) => {
      notes += text;
    },
    style: createStyle(false),
    noteStyle: createStyle(false),
    interactive: false,
    columns: undefined,
    noteColumns: undefined,
  });
  return { status, out, notes };
}

describe("userpci doctor", () => {
  it("prints a line a check with its evidence, and ends well where nothing is in the way", async () => {
    const { status, out, notes } = await doctor("00:04.0");
    expect({ status, notes }).toEqual({ status: 0, notes: "" });
    expect(out).toContain("ok       IOMMU                  dmar0 at work  [/sys/class/iommu: dmar0]\n");
    expect(out).toMatch(/\nunknown {2}kernel version .*\n(.*\n)*\nnothing is in the way; \d+ of \d+ checks/);
  });

  it("ends with what to mend first and how, and fails", async () => {
    const { status, out } = await doctor("00:05.0");
    expect(status).toBe(1);
    expect(out).toMatch(
      /\nproblem {2}driver {17}e1000e has it: .*\[\/sys\/\S+\/driver: e1000e\]\n {9}fix {2}sudo userpci bind/,
    );
    expect(out).toMatch(/\nproblem {2}node .*\(because of driver\) .*\nproblem/);
    expect(out).toContain(
      "\n\nfirst    0000:00:05.0: e1000e has it: user space needs vfio-pci\n         fix  sudo userpci bind 0000:00:05.0 --user 4242\n         then look again: 2 that may go with it\n",
    );
  });

  it("gives programs every check, as one object and as lines", async () => {
    const json = expectSchema("doctor", (await doctor("00:05.0", "--json")).out);
    expect(json).toMatchObject({
      address: "0000:00:05.0",
      healthy: false,
      first: { check: "driver", because: null },
    });
    const lines = expectLines("doctor", (await doctor("00:05.0", "--jsonl")).out);
    expect(lines.map(({ check }) => check)).toEqual(
      json.findings.map(({ check }: { check: string }) => check),
    );
    expect(expectSchema("doctor", (await doctor("--json")).out)).toMatchObject({
      address: null,
      healthy: true,
      first: null,
    });
  });

  it.each([
    ["8M", 0, "8 MiB may be pinned, and 8 MiB are needed"],
    ["8388609", 1, "8 MiB may be pinned, and 8388609 bytes are needed"],
    ["1GiB", 1, "8 MiB may be pinned, and 1 GiB are needed"],
  ])("compares the limit with a need of %s", async (need, status, says) => {
    const result = await doctor("00:04.0", "--need", need);
    expect(result.status).toBe(status);
    expect(result.out).toContain(says);
  });

  it.each(["", "0", "much", "1.5M", "9999999999999T"])("refuses %j as a need", async (need) => {
    const { status, out } = await doctor("--need", need, "--json");
    expect(status).toBe(2);
    expect(JSON.parse(out).error.code).toBe("ERR_INVALID_ARGUMENT");
  });
});
