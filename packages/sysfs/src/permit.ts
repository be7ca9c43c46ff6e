import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import { isPciError, PciError } from "@userpci/interface";
import { functionPath, type PciFunction } from "./function.ts";
import { isVfioDriver } from "./group.ts";
import { exclusively } from "./guard.ts";
import { type Journal, type JournalEntry, otherEntries } from "./journal.ts";
import { explainWrite, type Kernel, type Ownership } from "./kernel.ts";
import { type LockRecord, recordOf } from "./lock-record.ts";
import { type DeviceNodes, deviceNodes } from "./nodes.ts";
import { statePath } from "./state-file.ts";
import { pathIn, type TreeOptions, unreadable } from "./tree.ts";
import type { SystemUser } from "./user.ts";

/** Read and write for owner and group: what row R1 asks for. */
const MODE = 0o660;

/**
 * Refuses a user who would take a node from the user of another function: the group's node from one of the same group,
 * `/dev/iommu` from any that is used through its device node.
 *
 * @throws PciError `ERR_NODE_TAKEN`
 */
export async function refuseTaken(
  fn: PciFunction,
  { uid, name }: SystemUser,
  options: TreeOptions,
): Promise<void> {
  const others = await presentEntries(fn.address, options);
  const nodes = Object.values(deviceNodes(fn, options)).filter((path) => path !== null);
  for (const path of nodes) {
    const other = others.find((entry) => path in entry.nodes && entry.user !== null && entry.user !== uid);
    if (other === undefined) continue;
    const message = `${path} cannot be ${name}'s: it belongs to uid ${other.user}, who was given ${other.address}`;
    throw new PciError("ERR_NODE_TAKEN", message, {
      path,
      hint: `sudo userpci unbind ${other.address}\nor give this one to the same user: sudo userpci bind ${fn.address} --user ${other.user}`,
      details: { node: path, uid: other.user, address: other.address },
    });
  }
}

/** Entries of the other functions that are still there: an unplugged one leaves its entry behind. */
async function presentEntries(address: string, options: TreeOptions): Promise<JournalEntry[]> {
  const others = await otherEntries(address, options);
  return others.filter((other) => existsSync(functionPath(other.address, options)));
}

/**
 * Makes a user the owner of the nodes that lead to a function: its group node and, where the kernel has them, its
 * device node and `/dev/iommu`. Who owned them before goes into the journal entry first.
 *
 * @throws PciError `ERR_NODE_TAKEN`, `ERR_WRONG_DRIVER`, `ERR_NO_DEVICE`, `ERR_PERMISSION`, `ERR_BUSY`; nodes and journal are then
 * as they were
 */
export async function permitUser(
  kernel: Kernel,
  fn: PciFunction,
  user: SystemUser,
  journal: Journal,
  options: TreeOptions,
): Promise<void> {
  const paths = await permittable(fn, options);
  return atNodes(recordOf("bind", fn.address), options, async () => {
    // Another function's user may have come first, since this was asked before the driver changed.
    await refuseTaken(fn, user, options);
    const present = await ownerships(paths, options);
    const before = journal.entry;
    const nodes = { ...(await formerOwnerships(fn, present, options)), ...before.nodes };
    await journal.write({ nodes, user: user.uid });
    try {
      for (const [path, { gid }] of present)
        await own(kernel, path, { uid: user.uid, gid, mode: MODE }, options);
    } catch (error) {
      for (const [path, ownership] of present)
        await own(kernel, path, ownership, options).catch(() => undefined);
      await journal.write({ nodes: before.nodes, user: before.user });
      throw error;
    }
  });
}

/**
 * Gives nodes back to their former owners; those that another bound function still needs go to its user. The journal then says
 * that the function has none.
 *
 * @throws PciError `ERR_PERMISSION`, `ERR_BUSY`, or with the system's code
 */
export async function withdrawNodes(kernel: Kernel, journal: Journal, options: TreeOptions): Promise<void> {
  const { entry } = journal;
  if (Object.keys(entry.nodes).length === 0) return;
  await atNodes(recordOf("unbind", entry.address), options, async () => {
    const others = await presentEntries(entry.address, options);
    for (const [path, former] of Object.entries(entry.nodes)) {
      const heir = others.find((other) => path in other.nodes)?.user ?? null;
      const ownership = heir === null ? former : { uid: heir, gid: former.gid, mode: MODE };
      await own(kernel, path, ownership, options).catch((error: unknown) => {
        // The last function to leave vfio-pci takes its group's node along.
        if (!isPciError(error, "ENOENT")) throw error;
      });
    }
    await journal.write({ nodes: {}, user: null });
  });
}

/** Runs what looks at the nodes of all functions, or changes them: functions that share one have a lock each. */
export function atNodes<T>(record: LockRecord, options: TreeOptions, act: () => Promise<T>): Promise<T> {
  return exclusively(statePath("nodes.lock", options), record, act);
}

/** Who owns nodes now. */
export async function ownerships(
  paths: readonly string[],
  options: TreeOptions,
): Promise<Map<string, Ownership>> {
  const found = new Map<string, Ownership>();
  for (const path of paths) {
    const place = pathIn(options, path);
    const { uid, gid, mode } = await stat(place).catch((cause: unknown) => {
      throw unreadable(place, cause);
    });
    found.set(path, { uid, gid, mode: mode & 0o7777 });
  }
  return found;
}

/** Who is to have nodes in the end: one of two functions goes to whom it belonged before the first of them. */
async function formerOwnerships(
  fn: PciFunction,
  present: ReadonlyMap<string, Ownership>,
  options: TreeOptions,
): Promise<Record<string, Ownership>> {
  const others = await otherEntries(fn.address, options);
  const former = [...present].map(([path, ownership]) => [
    path,
    others.find((other) => path in other.nodes)?.nodes[path] ?? ownership,
  ]);
  return Object.fromEntries(former) as Record<string, Ownership>;
}

async function permittable(fn: PciFunction, options: TreeOptions): Promise<string[]> {
  if (!isVfioDriver(fn.driver)) {
    throw new PciError("ERR_WRONG_DRIVER", `${fn.address} is not bound to vfio-pci, so it has no node yet`, {
      hint: `sudo userpci bind ${fn.address}`,
    });
  }
  await udevIdle(options);
  const nodes: DeviceNodes = deviceNodes(fn, options);
  const paths = nodes.device === null ? [nodes.group] : [nodes.group, nodes.device, nodes.iommu];
  const present = paths.filter((path) => path !== null);
  if (present.length > 0) return present;
  throw new PciError("ERR_NO_DEVICE", `there is no node for IOMMU group ${fn.iommuGroup} in /dev/vfio`, {
    hint: "in a container: pass /dev/vfio in; elsewhere: is /dev a devtmpfs?",
  });
}

/** Waits until udev has applied its own rules to a new node: it would undo a change of owner made before. */
async function udevIdle(options: TreeOptions): Promise<void> {
  const queue = pathIn(options, "/run/udev/queue");
  for (let attempt = 0; attempt < 200 && existsSync(queue); attempt += 1) await setTimeout(10);
}

export async function own(
  kernel: Kernel,
  path: string,
  ownership: Ownership,
  options: TreeOptions,
): Promise<void> {
  const place = pathIn(options, path);
  try {
    await kernel.own(place, ownership);
  } catch (cause) {
    throw explainWrite(place, cause);
  }
}
