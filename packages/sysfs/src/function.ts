import { closeSync, openSync, readSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PciAddress } from "./address.ts";
import { checkTreeOptions } from "./options.ts";
import { type PciResource, parseResources } from "./resource.ts";
import {
  oneLine,
  pathIn,
  readAttribute,
  readLink,
  readLinkName,
  readNames,
  readText,
  systemFailure,
  type TreeOptions,
  unreadable,
} from "./tree.ts";

/**
 * What sysfs says of one PCI function. A snapshot: nothing in it changes later. It is data, to be printed or kept as JSON, so
 * what a function does not have is null and never a missing key; that holds for everything this package reads.
 */
export interface PciFunction {
  /** Such as `0000:00:04.0`. */
  readonly address: string;
  /** Vendor id, 16 bits. */
  readonly vendor: number;
  /** Device id, 16 bits. */
  readonly device: number;
  readonly subsystemVendor: number;
  readonly subsystemDevice: number;
  /** Class, subclass and programming interface, 24 bits: `0x020000` is an Ethernet controller. */
  readonly classCode: number;
  readonly revision: number;
  /** Name of the kernel driver it is bound to, if any. */
  readonly driver: string | null;
  /** Number of its IOMMU group; null if the function is behind no IOMMU. */
  readonly iommuGroup: number | null;
  /** NUMA node it is attached to, if the system says. */
  readonly numaNode: number | null;
  /** The address ranges that are in use, BARs first. */
  readonly resources: readonly PciResource[];
  /** Ways to reset it, best first (`flr`, `pm`, `bus`, …); empty if none, or before Linux 5.15. */
  readonly resetMethods: readonly string[];
  /** Name of its VFIO device node, such as `vfio0`, while it is bound to a VFIO driver (Linux 6.1 and later). */
  readonly vfioDevice: string | null;
  /** Address of the bridge above it; null on a root bus. */
  readonly parent: string | null;
  /** Address of the physical function, if this is a virtual one. */
  readonly physicalFunction: string | null;
  /** Addresses of the virtual functions that are enabled. */
  readonly virtualFunctions: readonly string[];
  /** How many virtual functions could be enabled; 0 without SR-IOV. */
  readonly maxVirtualFunctions: number;
}

/** Directory with a link per PCI function. */
export const DEVICES = "/sys/bus/pci/devices";

/** Path of a function's sysfs directory, or of `attribute` in it. */
export function functionPath(address: string, options: TreeOptions, attribute = ""): string {
  return join(pathIn(options, DEVICES), address, attribute);
}

/**
 * Reads a function's attributes, or null if it is not there (any more).
 *
 * @param address in the kernel's spelling
 */
export function readFunction(address: string, options: TreeOptions): PciFunction | null {
  const path = functionPath(address, options);
  // One listing tells which of the optional attributes to read: an exception for each missing one costs more.
  const names = new Set(readNames(path));
  const text = (name: string) => (names.has(name) ? readAttribute(join(path, name)) : null);
  const link = (name: string) => (names.has(name) ? readLinkName(join(path, name)) : null);
  const number = (name: string, most = 0xffff) => numberOf(text(name), most) ?? 0;

  if (text("vendor") === null) return null;
  return {
    address,
    vendor: number("vendor"),
    device: number("device"),
    subsystemVendor: number("subsystem_vendor"),
    subsystemDevice: number("subsystem_device"),
    classCode: number("class", 0xff_ffff),
    revision: number("revision", 0xff),
    driver: link("driver"),
    iommuGroup: numberOf(link("iommu_group")),
    numaNode: numberOf(text("numa_node")),
    resources: parseResources((names.has("resource") && readText(join(path, "resource"))) || ""),
    resetMethods: text("reset_method")?.split(/\s+/).filter(Boolean) ?? [],
    vfioDevice: names.has("vfio-dev") ? (readNames(join(path, "vfio-dev")).map(oneLine)[0] ?? null) : null,
    parent: parentOf(path),
    physicalFunction: link("physfn"),
    virtualFunctions: virtualFunctions(names, link),
    maxVirtualFunctions: number("sriov_totalvfs"),
  };
}

/** A number as attributes have it, or null for none: -1 is no NUMA node, and what is no number at all is nothing that Linux writes. */
function numberOf(text: string | null, most = 0x7fff_ffff): number | null {
  const value = text === null || text === "" ? -1 : Number(text);
  return Number.isInteger(value) && value >= 0 && value <= most ? value : null;
}

/**
 * Header type of a function's configuration space, without the multi-function bit: 0 for an endpoint, 1 for a
 * PCI-to-PCI bridge, 2 for CardBus. Without a readable config file the class decides.
 */
export function readHeaderType(fn: PciFunction, options: TreeOptions): number {
  const byte = new Uint8Array(1);
  try {
    const file = openSync(functionPath(fn.address, options, "config"), "r");
    try {
      if (readSync(file, byte, 0, 1, 0x0e) === 1) return byte[0]! & 0x7f;
    } finally {
      closeSync(file);
    }
  } catch {
    // A snapshot may lack the file; the class below answers.
  }
  return isBridge(fn.classCode) ? 1 : 0;
}

/**
 * The only driver that may bind a function, if `driver_override` is set; undefined if the kernel has no such file
 * (before Linux 3.16). Not a part of {@link PciFunction}, and read off this thread, because the kernel makes the reader
 * wait while it binds or unbinds the function (`driver_override_show` takes the device's lock).
 *
 * @param address such as `0000:00:04.0` or `00:04.0`
 * @throws PciError `ERR_INVALID_ARGUMENT`; with the system's code if there is such a file, and it cannot be read
 */
export async function readDriverOverride(
  address: string,
  options: TreeOptions = {},
): Promise<string | null | undefined> {
  checkTreeOptions(options);
  const path = functionPath(PciAddress.parse(address).toString(), options, "driver_override");
  try {
    return parseOverride(oneLine(await readFile(path, "utf8")));
  } catch (cause) {
    if (systemFailure(cause).code === "ENOENT") return undefined;
    throw unreadable(path, cause);
  }
}

/** What `driver_override` says: a driver, or null for none. */
export function parseOverride(text: string): string | null {
  const name = text.trim();
  // The kernel prints one that is not set as "(null)".
  return name === "" || name === "(null)" ? null : name;
}

/** Whether a class code is that of a bridge to another PCI bus (classes 0604, 0607, 0609). */
export function isBridge(classCode: number): boolean {
  return [0x0604, 0x0607, 0x0609].includes(classCode >>> 8);
}

/**
 * Whether a class code is that of a bridge to the platform itself: host, ISA, EISA, MCA (classes 0600 to 0603). Their header is an
 * endpoint's, but what they lead to is the machine.
 */
export function isPlatformBridge(classCode: number): boolean {
  const baseAndSub = classCode >>> 8;
  return baseAndSub >= 0x0600 && baseAndSub <= 0x0603;
}

// The entry is a link into the device tree, where a function's directory lies in its bridge's.
function parentOf(path: string): string | null {
  const target = readLink(path);
  return target === null ? null : (PciAddress.tryParse(basename(dirname(target)))?.toString() ?? null);
}

function virtualFunctions(names: ReadonlySet<string>, link: (name: string) => string | null): string[] {
  const links = [...names].filter((name) => /^virtfn\d+$/.test(name));
  const ordered = links.sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)));
  return ordered.flatMap((name) => link(name) ?? []);
}
