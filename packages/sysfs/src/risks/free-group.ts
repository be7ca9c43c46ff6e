import { readFunction } from "../function.ts";
import { freeingCommand, type GroupMember, type IommuGroup } from "../group.ts";
import type { TreeOptions } from "../tree.ts";
import type { Risk } from "./risk.ts";
import { canEnd, endsOf, needsOf } from "./uses.ts";

/**
 * Commands that free a group of the kernel's drivers, in their order; empty if it is viable. Of a member that this machine needs, which `bind`
 * refuses, the first shows what would be lost; then come those that end each use, and `bind` only where all of them can end.
 */
export async function freeingCommands(group: IommuGroup, options: TreeOptions = {}): Promise<string[]> {
  const blockers = group.members.filter(({ blocks }) => blocks);
  return (await Promise.all(blockers.map((member) => freeing(member, options)))).flat();
}

async function freeing(member: GroupMember, options: TreeOptions): Promise<string[]> {
  const free = freeingCommand(member);
  const needs = await needsOfMember(member, options);
  if (needs.length === 0) return [free];
  const look = `userpci bind ${member.address} --plan  # ${needText(needs)}`;
  return [look, ...endsOf(needs), ...(canEnd(needs) ? [free] : [])];
}

/** What this machine needs a member for; nothing of one that is no PCI function, of which that is not known. */
export async function needsOfMember({ address }: GroupMember, options: TreeOptions): Promise<Risk[]> {
  const fn = readFunction(address, options);
  return fn === null ? [] : needsOf(fn, options);
}

/** What a function is needed for, as a remark behind a command. */
export function needText([first, ...more]: readonly Risk[]): string {
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return `this machine needs ${first!.address}: ${first!.what}${others}`;
}
