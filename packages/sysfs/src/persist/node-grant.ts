import { existsSync } from "node:fs";
import { isPciError, PciError } from "@userpci/interface";
import { functionPath, readFunction } from "../function.ts";
import { isVfioDriver } from "../group.ts";
import { type JournalEntry, otherEntries, readEntry } from "../journal.ts";
import type { Kernel, Ownership } from "../kernel.ts";
import { deviceNodes } from "../nodes.ts";
import { own, ownerships } from "../permit.ts";
import { pathIn, type TreeOptions } from "../tree.ts";
import { type PermissionRecord, readPermissions } from "./permission-rule.ts";

/** What the kernel gives a new node: only `/dev/iommu` has a mode of its own (`drivers/iommu/iommufd/main.c`). */
const fresh = (path: string): Ownership => ({ uid: 0, gid: 0, mode: path === "/dev/iommu" ? 0o660 : 0o600 });

/**
 * The nodes of a function that have an owner of their own; `/dev/vfio/vfio` is everybody's. Empty for one that is not bound.
 */
function ownedNodes(address: string, options: TreeOptions): string[] {
  const fn = readFunction(address, options);
  if (fn === null || !isVfioDriver(fn.driver)) return [];
  const { group, device, iommu } = deviceNodes(fn, options);
  return [group, device, device === null ? null : iommu].filter((path) => path !== null);
}

/**
 * Refuses a permission that would take a node from somebody who has one already: a node has one user and one group. Functions of one
 * IOMMU group share its node, and all of them share `/dev/iommu` where the kernel has it.
 *
 * @throws PciError `ERR_NODE_TAKEN`
 */
export function refuseOthers(wanted: PermissionRecord, options: TreeOptions): void {
  const { address, grantee } = wanted;
  const group = readFunction(address, options)?.iommuGroup ?? null;
  const shares = (other: string): string | null => {
    if (group !== null && readFunction(other, options)?.iommuGroup === group) return `/dev/vfio/${group}`;
    return existsSync(pathIn(options, "/dev/iommu")) ? "/dev/iommu" : null;
  };
  for (const other of readPermissions(options)) {
    const taken = other.grantee.kind === grantee.kind && other.grantee.id !== grantee.id;
    const node = other.address !== address && taken ? shares(other.address) : null;
    if (node === null) continue;
    const message = `${node} cannot be ${grantee.name}'s: ${grantee.kind} ${other.grantee.name} has it, for ${other.address}`;
    throw new PciError("ERR_NODE_TAKEN", message, {
      path: node,
      hint:
        grantee.kind === "user"
          ? `let both be in a group, and give it the functions: sudo userpci permit ${address} --group NAME`
          : `sudo userpci permit ${other.address} --remove`,
      details: { node, address: other.address },
    });
  }
}

/**
 * Makes the nodes of a function be owned as the permissions of the machine and the bindings of this boot say: what udev would do when they
 * appear.
 *
 * @returns their paths; none for a function that is not bound
 * @throws PciError `ERR_PERMISSION`, or with the system's code; the nodes are then as they were
 */
export async function settleNodes(kernel: Kernel, address: string, options: TreeOptions): Promise<string[]> {
  const paths = ownedNodes(address, options);
  const before = await ownerships(paths, options);
  const self = await readEntry(address, options);
  const entries = [...(self === null ? [] : [self]), ...(await otherEntries(address, options))];
  const permissions = readPermissions(options).filter((record) => isSame(record, options));
  try {
    for (const path of paths) {
      const bound = entries.filter((entry) => path in entry.nodes);
      const grants = permissions.filter((record) => ownedNodes(record.address, options).includes(path));
      await own(kernel, path, ownershipOf(path, bound, grants), options);
    }
  } catch (error) {
    for (const [path, ownership] of before) {
      await own(kernel, path, ownership, options).catch((second: unknown) => {
        if (!isPciError(second)) throw second;
      });
    }
    throw error;
  }
  return paths;
}

/** Whether the function that a rule is about is still the one in its place. */
function isSame({ address, vendor, device }: PermissionRecord, options: TreeOptions): boolean {
  if (!existsSync(functionPath(address, options))) return false;
  const fn = readFunction(address, options);
  return fn?.vendor === vendor && fn.device === device;
}

function ownershipOf(
  path: string,
  bound: readonly JournalEntry[],
  permissions: readonly PermissionRecord[],
): Ownership {
  const former = bound[0]?.nodes[path] ?? fresh(path);
  const user = permissions.find(({ grantee }) => grantee.kind === "user")?.grantee.id;
  const group = permissions.find(({ grantee }) => grantee.kind === "group")?.grantee.id;
  // Who was given it for this boot keeps it.
  const uid = bound.find((entry) => entry.user !== null)?.user ?? user;
  if (uid === undefined && group === undefined) return former;
  return { uid: uid ?? former.uid, gid: group ?? former.gid, mode: 0o660 };
}
