import { basename } from "node:path";
import type { PciFunction } from "../function.ts";
import { pathIn, readLink, readNames, type TreeOptions } from "../tree.ts";

/** What the machine itself does with a function. */
export type RiskKind =
  | "file-system"
  | "swap"
  | "volume"
  | "address"
  | "route"
  | "display"
  | "console"
  | "open"
  | "group";

/** Something that stops working if a function leaves its driver, or that does not work after. */
export interface Risk {
  readonly kind: RiskKind;
  /** The function. */
  readonly address: string;
  /** Whether `bind` refuses because of it unless it is told `force`; otherwise it only tells. */
  readonly refuses: boolean;
  /** Such as `/home (ext4) is mounted from nvme0n1p2`. */
  readonly what: string;
  /** File of the kernel that says so. */
  readonly evidence: string;
  /** The command that takes the risk away; null where there is none: the machine runs from it. */
  readonly fix: string | null;
}

/** Looks for one kind of use. */
export type RiskCheck = (fn: PciFunction, options: TreeOptions) => readonly Risk[] | Promise<readonly Risk[]>;

/** A directory of links into the device tree, such as `/sys/class/net`. */
export type LinkDirectory = `/sys/${string}`;

/** A link of such a directory that leads to what a function has made. */
export interface Descendant {
  readonly name: string;
  /** The link as written. */
  readonly target: string;
}

/**
 * What a function has made, in a directory of links: each leads through the function's own directory. Bridges have what is behind them
 * as well.
 */
export function descendants(
  directory: LinkDirectory,
  fn: Pick<PciFunction, "address">,
  options: TreeOptions,
): Descendant[] {
  const place = pathIn(options, directory);
  return readNames(place).flatMap((name) => {
    const target = readLink(`${place}/${name}`);
    return target?.split("/").includes(fn.address) === true ? { name, target } : [];
  });
}

/** Name of the class or bus that a device directory belongs to, such as `drm`; null if none says. */
export function subsystemOf(directory: string): string | null {
  const target = readLink(`${directory}/subsystem`);
  return target === null ? null : basename(target);
}
