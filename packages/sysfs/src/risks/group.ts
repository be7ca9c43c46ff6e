import type { PciFunction } from "../function.ts";
import { readGroup } from "../group.ts";
import type { TreeOptions } from "../tree.ts";
import { needsOfMember, needText } from "./free-group.ts";
import type { Risk } from "./risk.ts";

/** Members of the function's group that keep user space out of it after it is bound. */
export async function groupRisks(
  fn: PciFunction,
  options: TreeOptions,
  together: readonly string[] = [fn.address],
): Promise<Risk[]> {
  if (fn.iommuGroup === null) return [];
  const { number, members } = readGroup(fn.iommuGroup, options);
  const others = members.filter(({ address, blocks }) => blocks && !together.includes(address));
  if (others.length === 0) return [];
  const needs = (await Promise.all(others.map((other) => needsOfMember(other, options)))).flat();
  const bind = `userpci bind ${fn.address} --group`;
  return others.map(({ address, driver }) => ({
    kind: "group",
    address: fn.address,
    refuses: false,
    what: `nobody can open it while ${address} of the same IOMMU group ${number} is on ${driver}`,
    evidence: `/sys/kernel/iommu_groups/${number}/devices`,
    // Which is refused where this machine needs one of them: its plan says what is to end first.
    fix: needs.length === 0 ? `sudo ${bind}` : `${bind} --plan  # ${needText(needs)}`,
  }));
}
