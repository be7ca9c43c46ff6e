import type { PciFunction } from "../function.ts";
import { readGroup } from "../group.ts";
import type { TreeOptions } from "../tree.ts";
import type { Risk } from "./risk.ts";

/** Members of the function's group that keep user space out of it after it is bound. */
export function groupRisks(
  fn: PciFunction,
  options: TreeOptions,
  together: readonly string[] = [fn.address],
): Risk[] {
  if (fn.iommuGroup === null) return [];
  const { number, members } = readGroup(fn.iommuGroup, options);
  const others = members.filter(({ address, blocks }) => blocks && !together.includes(address));
  return others.map(({ address, driver }) => ({
    kind: "group",
    address: fn.address,
    refuses: false,
    what: `nobody can open it while ${address} of the same IOMMU group ${number} is on ${driver}`,
    evidence: `/sys/kernel/iommu_groups/${number}/devices`,
    fix: `sudo userpci bind ${fn.address} --group`,
  }));
}
