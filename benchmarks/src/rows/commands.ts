import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Pciutils, provisionPciutils } from "@userpci/testbed";
import type { Bench, Limit } from "../bench.ts";
import { Counterpart } from "../counterpart.ts";
import { dumpText } from "../spaces.ts";

const userpci = fileURLToPath(new URL("../../../packages/cli/bin/userpci.js", import.meta.url));
const DEVICES = 100;
const ON_PROCESSORS = `lspci -vvv of ${DEVICES} devices`;
const FIRST = `${ON_PROCESSORS}, the first time`;
const ON_THE_CLOCK = `${ON_PROCESSORS}, on the clock`;
const limits: readonly Limit[] = [{ of: "C", atMost: 2 }];

/** `userpci lspci` beside lspci itself. Without a network at the first time there is no lspci, which is said. */
export async function commandRows(bench: Bench, onProgress: (line: string) => void): Promise<void> {
  if (![ON_PROCESSORS, FIRST, ON_THE_CLOCK].some((name) => bench.wants(name))) return;
  let pciutils: Pciutils;
  try {
    pciutils = await provisionPciutils(onProgress);
  } catch (error) {
    onProgress(`the rows of lspci are left out, since it cannot be had: ${(error as Error).message}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "userpci-bench-"));
  try {
    const dump = join(folder, "dump.txt");
    writeFileSync(dump, dumpText(DEVICES));
    const argv = ["-i", pciutils.ids, "-F", dump, "-vvv"];
    await commandRow(bench, ON_PROCESSORS, ["processor", "kept", folder], pciutils.lspci, argv, limits);
    await commandRow(bench, FIRST, ["processor", "fresh", folder], pciutils.lspci, argv, limits);
    await commandRow(bench, ON_THE_CLOCK, ["clock", "kept", folder], pciutils.lspci, argv, []);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is counted, and whether a run finds what the one before it kept, in which folder. */
type Way = readonly ["processor" | "clock", "kept" | "fresh", string];

/** One way to count. What Node takes to start and do nothing is no part of ours. */
async function commandRow(
  bench: Bench,
  name: string,
  way: Way,
  lspci: readonly string[],
  argv: readonly string[],
  limits: readonly Limit[],
): Promise<void> {
  await using whole = new Counterpart(["command", ...way, process.execPath, userpci, "lspci", ...argv]);
  await using start = new Counterpart(["command", ...way, process.execPath, "-e", "0"]);
  await bench.row({
    name,
    typescript: async () => (await whole.round()) - (await start.round()),
    c: ["command", ...way, ...lspci, ...argv],
    limits,
  });
}
