import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Pciutils, provisionPciutils } from "@userpci/testbed";
import type { Bench, Limit } from "../bench.ts";
import { Counterpart } from "../counterpart.ts";
import { dumpText } from "../spaces.ts";

const cli = fileURLToPath(new URL("../../../packages/cli", import.meta.url));
const DEVICES = 100;
const ON_PROCESSORS = `lspci -vvv of ${DEVICES} devices`;
const ON_THE_CLOCK = `${ON_PROCESSORS}, on the clock`;
const KEPT = `${ON_PROCESSORS}, another Node`;
const COMPILING = `${ON_PROCESSORS}, another Node's first`;
const limits: readonly Limit[] = [{ of: "C", atMost: 2 }];

/** `userpci lspci` beside lspci itself. Without a network at the first time there is no lspci, which is said. */
export async function commandRows(bench: Bench, onProgress: (line: string) => void): Promise<void> {
  if (![ON_PROCESSORS, ON_THE_CLOCK, KEPT, COMPILING].some((name) => bench.wants(name))) return;
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
    const programs = { lspci: pciutils.lspci, argv };
    const built = { ...programs, userpci: programOf(cli) };
    const bare = { ...programs, userpci: withoutCompiled(folder) };
    await commandRow(bench, ON_PROCESSORS, ["processor", "fresh", folder], built, limits);
    await commandRow(bench, ON_THE_CLOCK, ["clock", "fresh", folder], built);
    await commandRow(bench, KEPT, ["processor", "kept", folder], bare, limits);
    await commandRow(bench, COMPILING, ["processor", "fresh", folder], bare);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const programOf = (folder: string): string => join(folder, "bin", "userpci.js");

/** A copy of the command as another build of Node sees it, which has no use for what V8 compiled for this one. */
function withoutCompiled(folder: string): string {
  const copy = join(folder, "cli");
  for (const part of ["bin", "dist"]) {
    cpSync(join(cli, part), join(copy, part), { recursive: true, filter: (path) => !path.includes(".cjs-") });
  }
  return programOf(copy);
}

interface Programs {
  readonly userpci: string;
  readonly lspci: readonly string[];
  readonly argv: readonly string[];
}

/** What is counted, and whether a run finds what the one before it kept, in which folder. */
type Way = readonly ["processor" | "clock", "kept" | "fresh", string];

/** One way to count. What Node takes to start and do nothing is no part of ours. */
async function commandRow(
  bench: Bench,
  name: string,
  way: Way,
  { userpci, lspci, argv }: Programs,
  limits: readonly Limit[] = [],
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
