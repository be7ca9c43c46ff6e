import { PciAddress } from "./address.ts";
import { functionPath } from "./function.ts";
import { checkTreeOptions } from "./options.ts";
import { readRegisterText, type TreeOptions } from "./tree.ts";

/** The PCI Express link between a function and the port above it, or between a port and what is below it. */
export interface PciLink {
  /** What was negotiated, in GT/s a lane: 2.5, 5, 8, 16, 32 or 64; null while the link is down. */
  readonly speed: number | null;
  /** Lanes that were negotiated, 1 to 32; null while the link is down. */
  readonly width: number | null;
  /** The most that this end can do, in GT/s. */
  readonly maxSpeed: number;
  /** The most lanes that this end has. */
  readonly maxWidth: number;
}

/** Lanes that PCI Express has at most (PCI Express 5.0, section 7.5.3.6). */
const MAX_LANES = 32;

/**
 * The link of a function, as the kernel reads it from the PCI Express capability
 * (`current_link_speed` and the like, `Documentation/ABI/testing/sysfs-bus-pci`). Null for what has none: conventional PCI,
 * and functions within the root complex.
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT` for what is no address
 */
export function readLink(address: string, options: TreeOptions = {}): PciLink | null {
  checkTreeOptions(options);
  const name = PciAddress.parse(address).toString();
  const max = readPair(name, "max", options);
  if (max === null || max.speed === null || max.width === null) return null;
  const { speed = null, width = null } = readPair(name, "current", options) ?? {};
  const isUp = speed !== null && width !== null;
  return {
    speed: isUp ? speed : null,
    width: isUp ? width : null,
    maxSpeed: max.speed,
    maxWidth: max.width,
  };
}

/** Speed and width of a link, each as far as the kernel tells it. */
export interface LinkPair {
  /** GT/s a lane. */
  readonly speed: number | null;
  readonly width: number | null;
}

/**
 * What was negotiated, or the most that this end can do. Null for a function that has no link, or is gone.
 *
 * @param address whole, such as `0000:00:04.0`
 */
export function readPair(address: string, which: "current" | "max", options: TreeOptions): LinkPair | null {
  const [speed, width] = (["speed", "width"] as const).map((what) =>
    readRegisterText(functionPath(address, options, `${which}_link_${what}`)),
  ) as [string | null, string | null];
  return width === null ? null : { speed: speedOf(speed ?? ""), width: lanesOf(width) };
}

/** `8.0 GT/s PCIe`, or `8 GT/s` before Linux 5.7; `Unknown` is none. */
function speedOf(text: string): number | null {
  const match = /^(\d{1,3}(?:\.\d)?) GT\/s/.exec(text);
  return match === null ? null : Number(match[1]);
}

/** 0 for a link that is down; 63 and 255 are what a function says that has none, or is gone. */
function lanesOf(text: string): number | null {
  const lanes = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return lanes > 0 && lanes <= MAX_LANES ? lanes : null;
}

/** What keeps a link from what both of its ends can do. */
export interface LinkShortfall {
  /** GT/s that both ends can do. */
  readonly speed: number;
  /** Lanes that both ends have. */
  readonly width: number;
}

/**
 * Whether a link came up slower or narrower than both of its ends can: a bad slot, a riser, a cable, or power saving.
 *
 * @param port the end above, where it is known
 * @returns what would be possible; null for a link that has it, or is down
 */
export function linkShortfall(link: PciLink, port: PciLink | null): LinkShortfall | null {
  if (link.speed === null || link.width === null) return null;
  const speed = Math.min(link.maxSpeed, port?.maxSpeed ?? link.maxSpeed);
  const width = Math.min(link.maxWidth, port?.maxWidth ?? link.maxWidth);
  return link.speed < speed || link.width < width ? { speed, width } : null;
}
