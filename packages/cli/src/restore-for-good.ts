import { isPciError, PciError } from "@userpci/interface";
import { PciAddress, planRelease, type ReleasePlan, type Restored, restore } from "@userpci/sysfs";
import { persistentFunctions, planUnpersist, type Setup, unpersist } from "@userpci/sysfs/persist";
import { type CommandCall, ofCommandLine, type Report, treeOf } from "./command.ts";
import { restoredLine } from "./commands/restore.ts";
import { type Failure, formatFailure, toFailure } from "./failure.ts";
import { waiting } from "./kernel-progress.ts";
import { cutShortLines, releasePlanJson, releasePlanLines } from "./plan-view.ts";
import { setupJson, setupLines } from "./setup-view.ts";

/** `userpci restore --persistent`: files go first, so that nothing binds a function again that was given back. */
export async function run(call: CommandCall): Promise<Report> {
  const addresses = await ofCommandLine(() => addressesOf(call));
  if (call.options["plan"] === true) return planned(call, addresses);
  const setups: Setup[] = [];
  const restored: Restored[] = [];
  const failed = await tryEach(addresses, call.arguments[0] !== undefined, async (address) => {
    setups.push(await unpersist(address));
    restored.push(...(await giveBack(call, address)));
  });
  const persistent = setups.map((setup) => setupJson(setup, "undone"));
  return {
    failed: failed.length > 0,
    json: { restored, failed, removed: [], persistent },
    lines: [
      ...persistent.map(persistentLine),
      ...restored.map((each) => ({ restored: each })),
      ...failed.map((each) => ({ failed: each })),
    ],
    text: (style) => [
      ...setups.flatMap((setup) => [
        `no longer at boot: ${setup.address}`,
        ...setupLines(setup, "undone", style),
      ]),
      ...restored.flatMap((each) => [restoredLine(each, style), ...cutShortLines(each, style)]),
      ...failed.flatMap(({ error }) => formatFailure(error, style)),
      ...(addresses.length === 0 ? [`${style.green("nothing to do")}  nothing was to last`] : []),
    ],
  };
}

/** A function for which it could not be done, and why. */
interface Failed {
  readonly address: string;
  readonly error: Failure;
}

/**
 * Does something for each function: what is in the way of one is not in the way of the others, but for want of rights.
 *
 * @param single whether one was named, whose error is the command's
 */
export async function tryEach(
  addresses: readonly string[],
  single: boolean,
  act: (address: string) => Promise<void>,
): Promise<readonly Failed[]> {
  const failed: Failed[] = [];
  for (const address of addresses) {
    try {
      await act(address);
    } catch (error) {
      if (single || !isPciError(error) || error.code === "ERR_PERMISSION") throw error;
      failed.push({ address, error: toFailure(error) });
    }
  }
  return failed;
}

const persistentLine = (setup: object): object => ({ persistent: setup });

/** @throws PciError `ERR_INVALID_ARGUMENT` */
function addressesOf(call: CommandCall): string[] {
  const address = call.arguments[0];
  if (address !== undefined) return [PciAddress.parse(address).toString()];
  if (call.options["all"] === true) return persistentFunctions(treeOf(call));
  throw new PciError("ERR_INVALID_ARGUMENT", "--persistent is about one function, or all of them", {
    hint: "give the address of one, or --all",
  });
}

/** A function that is not there any more has nothing to be given back. */
async function giveBack(call: CommandCall, address: string): Promise<readonly Restored[]> {
  try {
    return (await waiting(call, (options) => restore(address, options))).restored;
  } catch (error) {
    if (isPciError(error, "ERR_NO_DEVICE")) return [];
    throw error;
  }
}

async function planned(call: CommandCall, addresses: readonly string[]): Promise<Report> {
  const tree = treeOf(call);
  const setups = await Promise.all(addresses.map((address) => planUnpersist(address, tree)));
  const removed = setups.flatMap(({ files }) => files.filter(({ change }) => change === "remove"));
  const gone = new Set(removed.map(({ path }) => path));
  const plans: ReleasePlan[] = [];
  for (const address of addresses)
    for (const plan of await planOne(address, tree)) plans.push(withoutFiles(plan, gone));
  const command = `sudo userpci restore ${call.arguments[0] ?? "--all"} --persistent`;
  const persistent = setups.map((setup) => setupJson(setup, "plan"));
  return {
    json: { plans: plans.map(releasePlanJson), persistent },
    lines: [...persistent.map(persistentLine), ...plans.map((plan) => ({ plan: releasePlanJson(plan) }))],
    text: (style) => [
      ...setups.flatMap((setup) => [
        `no longer at boot: ${setup.address}`,
        ...setupLines(setup, "plan", style),
      ]),
      ...releasePlanLines(plans, command, style),
    ],
  };
}

/** A plan as it is once files are gone, one of which may be what binds the function at the next boot. */
function withoutFiles(plan: ReleasePlan, gone: ReadonlySet<string>): ReleasePlan {
  return plan.boundAtBoot !== null && gone.has(plan.boundAtBoot) ? { ...plan, boundAtBoot: null } : plan;
}

async function planOne(address: string, tree: ReturnType<typeof treeOf>): Promise<readonly ReleasePlan[]> {
  try {
    return [await planRelease(address, tree)];
  } catch (error) {
    if (isPciError(error, "ERR_NO_DEVICE")) return [];
    throw error;
  }
}
