import { isPciError, type PciError } from "@userpci/interface";
import type { BindOptions } from "./bind.ts";
import { findFunction } from "./find.ts";
import type { PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { groupFunctions } from "./group-functions.ts";
import { checkDriverOptions } from "./options.ts";
import { type BindingOrigin, bindingOrigin } from "./origin.ts";
import { refuseTaken } from "./permit.ts";
import { bindingSteps, type PlannedStep } from "./planned-step.ts";
import { unbindable } from "./refusal.ts";
import { groupRisks } from "./risks/group.ts";
import type { Risk } from "./risks/risk.ts";
import { usesOf } from "./risks/uses.ts";
import type { TreeOptions } from "./tree.ts";
import { findUser, type SystemUser } from "./user.ts";

/** A function that is bound, or was. */
export interface PlannedFunction {
  readonly address: string;
  /** The driver that it has now. */
  readonly driver: string | null;
  readonly origin: BindingOrigin;
}

/** Why a function is not bound, whoever asks and however. */
export interface Refusal {
  readonly address: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/** What `bind` would do now. */
export interface BindingPlan {
  /** The function that was asked for. */
  readonly address: string;
  /** Number of its IOMMU group; null if it is in none. */
  readonly group: number | null;
  /** Who is to open it; null for nobody in particular. */
  readonly user: SystemUser | null;
  /** The functions that are bound, by ascending address: with `group` all that keep user space out of the group. */
  readonly functions: readonly PlannedFunction[];
  /** What is done, in this order; empty if there is nothing to do. */
  readonly steps: readonly PlannedStep[];
  /** What the machine itself does with the functions. Those that refuse need `force`. */
  readonly risks: readonly Risk[];
  /** What forbids it; `force` does not help. */
  readonly refusals: readonly Refusal[];
}

/** Which binding to plan. */
export interface PlanOptions extends BindOptions {
  /** Whether the whole IOMMU group is to be bound, as `bindGroup` does. Default false. */
  readonly group?: boolean;
}

/**
 * What {@link bind} or {@link bindGroup} would do, what the machine would lose by it, and what forbids it. Changes nothing; needs no root, but only root sees what
 * other users' processes have open.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_NO_DEVICE`
 */
export async function planBinding(address: string, options: PlanOptions = {}): Promise<BindingPlan> {
  checkDriverOptions(options);
  const fn = findFunction(address, options);
  const user = options.user === undefined ? null : findUser(options.user, options);
  const { functions, refusals } = chosen(fn, options);
  const addresses = functions.map((each) => each.address);
  const each = functions.map(async (member) => ({
    planned: await plannedFunction(member, options),
    risks: [...(await usesOf(member, options)), ...(await groupRisks(member, options, addresses))],
    refusals: await refusalsOf(member, user, options),
    steps: bindingSteps(member, user, options),
  }));
  const parts = await Promise.all(each);
  return {
    address: fn.address,
    group: fn.iommuGroup,
    user,
    functions: parts.map(({ planned }) => planned),
    steps: parts.flatMap(({ steps }) => steps),
    risks: parts.flatMap(({ risks }) => risks),
    refusals: [...refusals, ...parts.flatMap((part) => part.refusals)],
  };
}

/** The functions to bind, and why they cannot be told. */
function chosen(fn: PciFunction, options: PlanOptions): { functions: PciFunction[]; refusals: Refusal[] } {
  if (options.group !== true || fn.iommuGroup === null) return { functions: [fn], refusals: [] };
  try {
    return { functions: groupFunctions(fn, options), refusals: [] };
  } catch (error) {
    if (!isPciError(error, "ERR_BIND_REFUSED")) throw error;
    return { functions: [fn], refusals: [refusalOf(fn, error)] };
  }
}

async function plannedFunction(
  { address, driver }: PciFunction,
  options: TreeOptions,
): Promise<PlannedFunction> {
  return { address, driver, origin: await bindingOrigin(address, options) };
}

async function refusalsOf(
  fn: PciFunction,
  user: SystemUser | null,
  options: TreeOptions,
): Promise<Refusal[]> {
  const found = isVfioDriver(fn.driver) && user === null ? [] : unbindable(fn, options);
  if (user !== null) {
    await refuseTaken(fn, user, options).catch((error: unknown) => {
      if (!isPciError(error)) throw error;
      found.push(error);
    });
  }
  return found.map((error) => refusalOf(fn, error));
}

function refusalOf({ address }: PciFunction, { code, message, hint }: PciError): Refusal {
  return { address, code, message, hint: hint ?? null };
}
