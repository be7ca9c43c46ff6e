import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type FunctionData, writeMachine } from "@userpci/sysfs/testing";
import type { Bench } from "../bench.ts";
import { Counterpart } from "../counterpart.ts";

const userpci = fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url));
const FUNCTIONS = 20;
const NODE = "node -e 0";
/** Network cards, graphics and disks: names from all over the database. */
const ids = ["8086:10d3", "10de:1b80", "144d:a808", "1af4:1041"];

/** Commands that are over at once, from their start to their end on the clock, beside Node that does nothing. */
export async function startUpRows(bench: Bench): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "userpci-bench-"));
  try {
    const root = join(folder, "machine");
    writeMachine(root, { functions: Array.from({ length: FUNCTIONS }, functionAt) });
    await startUpRow(bench, folder, `list of ${FUNCTIONS} functions`, ["list", "--root", root], 2);
    await startUpRow(bench, folder, "--help", ["--help"], 1.5);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function functionAt(_: unknown, index: number): FunctionData {
  const place = index.toString(16).padStart(2, "0");
  return {
    address: `0000:${place}:00.0`,
    id: ids[index % ids.length]!,
    classCode: 0x020000,
    driver: index % 2 === 0 ? "vfio-pci" : "igb",
    group: index,
    numaNode: 0,
    resources: [[0xf000_0000n, 0xf000_ffffn, 0x40200n]],
    resetMethods: "flr bus",
  };
}

async function startUpRow(
  bench: Bench,
  folder: string,
  name: string,
  argv: readonly string[],
  atMost: number,
): Promise<void> {
  await using ours = new Counterpart([
    "command",
    "clock",
    "kept",
    folder,
    process.execPath,
    userpci,
    ...argv,
  ]);
  await using node = new Counterpart(["command", "clock", "kept", folder, process.execPath, "-e", "0"]);
  await bench.row({
    name: `userpci ${name}`,
    typescript: () => ours.round(),
    reference: { name: NODE, round: () => node.round() },
    limits: [{ of: NODE, atMost }],
  });
}
