import { checkInteger, isPciError } from "@userpci/interface";
import { PciAddress } from "../address.ts";
import { listFunctions } from "../find.ts";
import { type PciFunction, readFunction } from "../function.ts";
import { isVfioDriver } from "../group.ts";
import { checkTreeOptions } from "../options.ts";
import type { TreeOptions } from "../tree.ts";
import { oneLine } from "../tree.ts";
import type { CheckName, CheckStatus, FunctionCheck, MachineCheck, Question, Verdict } from "./check.ts";
import { accessChecks } from "./checks/access.ts";
import { absent, functionChecks } from "./checks/function.ts";
import { iommuChecks } from "./checks/iommu.ts";
import { limitChecks } from "./checks/limits.ts";
import { pathChecks } from "./checks/path.ts";
import { platformChecks } from "./checks/platform.ts";
import { vfioChecks } from "./checks/vfio.ts";
import { type Evidence, Facts } from "./facts.ts";

/** What a check found. */
export interface Finding {
  /** Name of the check, such as `command-line`. */
  readonly check: string;
  /** What it looks at, in a few words. */
  readonly title: string;
  /** The function that it is about; null for the whole machine. */
  readonly address: string | null;
  readonly status: CheckStatus;
  /** One line. */
  readonly says: string;
  /** The files that it was read from, and what they say. */
  readonly evidence: readonly Evidence[];
  /** What mends it, or shows more: a command or step each, in this order; empty if there is nothing to do. */
  readonly fix: readonly string[];
  /** Name of the check whose problem explains this one; null for what stands by itself. */
  readonly because: string | null;
}

/** What is in the way of user-space drivers. */
export interface Diagnosis {
  /** The function that it is about; null for the whole machine. */
  readonly address: string | null;
  /** Whether nothing is in the way. */
  readonly healthy: boolean;
  /** The problem to mend first: one that no other explains; null if there is none. */
  readonly first: Finding | null;
  /** One for each check, causes before consequences. */
  readonly findings: readonly Finding[];
}

/** What to diagnose. */
export interface DiagnoseOptions extends TreeOptions {
  /** A function, such as `0000:00:04.0` or `00:04.0`: also looks at its way to being usable. Default: all that vfio-pci has. */
  readonly address?: string;
  /** Bytes that a driver will pin, to be compared with the limit: an integer above 0. */
  readonly need?: number;
}

const before: readonly MachineCheck[] = [...platformChecks, ...iommuChecks, ...vfioChecks];
const ofFunction: readonly FunctionCheck[] = [...functionChecks, ...pathChecks, ...accessChecks];

/** What is looked at in each function of vfio-pci: that somebody uses it is no problem of the machine. */
const inEvery: readonly FunctionCheck[] = [
  ...functionChecks,
  ...accessChecks.filter(({ id }) => id !== "holders"),
];

/** Every check, causes before consequences: name, what it looks at, and the checks whose problem explains one here. */
export const checks: readonly CheckName[] = [...before, ...ofFunction, ...limitChecks];

/**
 * Looks for what keeps programs in user space from PCI functions, from the firmware's tables to the limits of this user. Changes nothing, and
 * needs no rights: what this user cannot see is said to be unknown.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE` for options of another kind
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  checkTreeOptions(options);
  const { address, need } = options;
  if (need !== undefined) checkInteger("need", need, 1, Number.MAX_SAFE_INTEGER);
  const name = address === undefined ? null : PciAddress.parse(address).toString();
  const facts = new Facts(options);
  const question: Question = { facts, need: need ?? null, asked: name !== null };
  const findings: Finding[] = [];
  for (const check of before) await add(findings, check, null, () => check.look(question));
  for (const found of await functionFindings(name, question, findings)) findings.push(found);
  for (const check of limitChecks) await add(findings, check, null, () => check.look(question));
  const problems = findings.filter(({ status }) => status === "problem");
  const first = problems.find(({ because }) => because === null) ?? null;
  return { address: name, healthy: problems.length === 0, first, findings };
}

/** What is said of the function that is asked for, or the problems of all that vfio-pci has. */
async function functionFindings(
  name: string | null,
  question: Question,
  known: readonly Finding[],
): Promise<Finding[]> {
  const { tree } = question.facts;
  if (name === null) {
    const found: Finding[] = [];
    for (const fn of listFunctions(tree).filter(({ driver }) => isVfioDriver(driver))) {
      const all = await lookAt(fn, inEvery, question, known);
      found.push(...all.filter(({ status }) => status === "problem"));
    }
    return found;
  }
  const fn = readFunction(name, tree);
  if (fn !== null) return lookAt(fn, ofFunction, question, known);
  const found: Finding[] = [];
  const check = { id: "function", title: "function", after: ["sysfs"] };
  await add(found, check, name, () => absent(name, question.facts), known);
  return found;
}

async function lookAt(
  fn: PciFunction,
  list: readonly FunctionCheck[],
  question: Question,
  known: readonly Finding[],
): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const check of list) await add(found, check, fn.address, () => check.look(fn, question), known);
  return found;
}

/** Adds what a check says, and what explains it among all that was found before. */
async function add(
  findings: Finding[],
  { id, title, after }: CheckName,
  address: string | null,
  look: () => Verdict | Promise<Verdict>,
  known: readonly Finding[] = [],
): Promise<void> {
  const { status, says, evidence, fix = [] } = await looked(look);
  const causes = [...known, ...findings];
  const cause = causes.find((finding) => finding.status === "problem" && after.includes(finding.check));
  const because = status === "ok" || cause === undefined ? null : (cause.because ?? cause.check);
  findings.push({
    check: id,
    title,
    address,
    status,
    says: oneLine(says),
    evidence: evidence.map((each) => ({ path: oneLine(each.path), says: oneLine(each.says) })),
    // Not the spaces: a fix is to be pasted as it is.
    fix: fix.map((step) => step.replace(/\p{Cc}+/gu, " ")),
    because,
  });
}

/** What a check says; that it could not be made, where a file of the machine cannot be read. */
async function looked(look: () => Verdict | Promise<Verdict>): Promise<Verdict> {
  try {
    return await look();
  } catch (error) {
    if (!isPciError(error)) throw error;
    const { message, hint, path } = error;
    const evidence = path === undefined ? [] : [{ path, says: "cannot be read" }];
    return {
      status: "unknown",
      says: message,
      evidence,
      ...(hint !== undefined && { fix: hint.split("\n") }),
    };
  }
}
