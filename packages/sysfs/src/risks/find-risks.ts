import { PciError } from "@userpci/interface";
import { findFunction } from "../find.ts";
import type { PciFunction } from "../function.ts";
import type { TreeOptions } from "../tree.ts";
import { groupRisks } from "./group.ts";
import type { Risk } from "./risk.ts";
import { endsOf, needsOf, usesOf } from "./uses.ts";

/**
 * What the machine itself does with a function: mounted file systems and swap through partitions, device mapper and RAID, routes
 * and addresses through bonds, bridges and VLANs, the display and the console, processes that have its nodes open. Nothing for a function on a VFIO driver. Reads
 * sysfs and procfs; what another user's processes have open or mounted in a namespace of their own, only root sees. Not seen: pools of ZFS, whose disks
 * no file of the kernel names.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`
 */
export async function findRisks(address: string, options: TreeOptions = {}): Promise<Risk[]> {
  const fn = findFunction(address, options);
  return [...(await usesOf(fn, options)), ...(await groupRisks(fn, options))];
}

/**
 * Refuses functions that the machine uses itself.
 *
 * @param command what binds them all the same
 * @throws PciError `ERR_IN_USE`
 */
export async function refuseInUse(
  functions: readonly PciFunction[],
  command: string,
  options: TreeOptions,
): Promise<void> {
  const risks = (await Promise.all(functions.map((fn) => needsOf(fn, options)))).flat();
  if (risks.length > 0) throw inUse(risks, command);
}

/** The error for functions that the machine uses itself. */
export function inUse(risks: readonly Risk[], command: string): PciError {
  const [first] = risks;
  const more = risks.length === 1 ? "" : ` (and ${risks.length - 1} more: see the plan)`;
  return new PciError("ERR_IN_USE", `this machine uses ${first!.address}: ${first!.what}${more}`, {
    hint: [...endsOf(risks), `to take it all the same: ${command} --force`].join("\n"),
    details: { address: first!.address, risks },
  });
}
