import type { PciFunction } from "../function.ts";
import { isVfioDriver } from "../group.ts";
import { oneLine, type TreeOptions } from "../tree.ts";
import { consoleRisks } from "./console.ts";
import { networkRisks } from "./network.ts";
import { openRisks } from "./open-nodes.ts";
import type { Risk, RiskCheck } from "./risk.ts";
import { storageRisks } from "./storage.ts";

/** What can be in use, the worst first. */
const checks: readonly RiskCheck[] = [storageRisks, networkRisks, consoleRisks, openRisks];

/** What the machine itself does with a function, without what the function's group says. */
export async function usesOf(fn: PciFunction, options: TreeOptions): Promise<Risk[]> {
  if (isVfioDriver(fn.driver)) return [];
  const found = await Promise.all(checks.map((check) => check(fn, options)));
  // Disks, interfaces and places of mounts are named as somebody likes.
  return found.flat().map((risk) => ({
    ...risk,
    what: oneLine(risk.what),
    fix: risk.fix?.replace(/\p{Cc}+/gu, " ") ?? null,
  }));
}

/** {@link usesOf} for which `bind` refuses a function. */
export async function needsOf(fn: PciFunction, options: TreeOptions): Promise<Risk[]> {
  return (await usesOf(fn, options)).filter(({ refuses }) => refuses);
}

/** Commands that end uses of a function, each once. */
export function endsOf(uses: readonly Risk[]): string[] {
  return [...new Set(uses.flatMap(({ fix }) => fix ?? []))];
}

/** Whether every use can end: what the machine runs from, or shows its picture with, has no end. */
export function canEnd(uses: readonly Risk[]): boolean {
  return uses.every(({ fix }) => fix !== null);
}
