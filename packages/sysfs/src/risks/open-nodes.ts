import type { PciFunction } from "../function.ts";
import { findHolders } from "../holders.ts";
import { pathIn, readText, type TreeOptions } from "../tree.ts";
import { descendants, type Risk, subsystemOf } from "./risk.ts";

/** Classes of nodes whose user does not survive that they go, or takes the kernel's driver along. */
const fatal = new Set(["block", "drm", "nvme-generic"]);

/** Processes that have a node of the function open, such as a display server or a program that writes to a raw disk. */
export async function openRisks(fn: PciFunction, options: TreeOptions): Promise<Risk[]> {
  const nodes = new Map(
    (["/sys/dev/char", "/sys/dev/block"] as const).flatMap((directory) =>
      descendants(directory, fn, options).flatMap(({ name }) =>
        nodeOf(pathIn(options, `${directory}/${name}`)),
      ),
    ),
  );
  if (nodes.size === 0) return [];
  const { holders } = await findHolders([...nodes.keys()], options);
  return holders.map(({ pid, command, path }) => ({
    kind: "open",
    address: fn.address,
    refuses: fatal.has(nodes.get(path) ?? ""),
    what: `pid ${pid} (${command}) has ${path} open`,
    evidence: `/proc/${pid}/fd`,
    fix: `end pid ${pid}`,
  }));
}

/** Path of a device's node, and its class. */
function nodeOf(directory: string): [path: string, subsystem: string | null][] {
  const name = /^DEVNAME=(.+)$/m.exec(readText(`${directory}/uevent`) ?? "")?.[1];
  return name === undefined ? [] : [[`/dev/${name}`, subsystemOf(directory)]];
}
