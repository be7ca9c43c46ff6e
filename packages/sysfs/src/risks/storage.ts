import { basename, join } from "node:path";
import type { PciFunction } from "../function.ts";
import { pathIn, readLink, readNames, readText, type TreeOptions } from "../tree.ts";
import { type Mount, readMounts, readSwaps } from "./mounts.ts";
import { descendants, type Risk } from "./risk.ts";

const BLOCK = "/sys/class/block";

/** A block device that lies on a function: a disk, a partition, or what was made of one (device mapper, RAID). */
export interface BlockDevice {
  /** Such as `nvme0n1p2`, `dm-0`. */
  readonly name: string;
  /** `major:minor`. */
  readonly number: string;
  /** For people: `dm-0 (vg0-root) on nvme0n1p2`. */
  readonly title: string;
  /** Names below `/dev` that lead to it. */
  readonly paths: readonly string[];
  /** The one that it was made of; null for disks and partitions. */
  readonly on: BlockDevice | null;
}

/** What is mounted, swapped to or made of a function's disks. */
export function storageRisks(fn: PciFunction, options: TreeOptions): Risk[] {
  const devices = blockDevices(fn, options);
  const shares = mountTags(fn, options);
  if (devices.length === 0 && shares.length === 0) return [];
  const risk = (kind: Risk["kind"], what: string, evidence: string, fix: string | null): Risk => {
    return { kind, address: fn.address, refuses: true, what, evidence, fix };
  };
  const mounted = readMounts(options).flatMap((mount) => {
    const under =
      devices.find((device) => isMountOf(mount, device, options))?.title ?? sharedAs(mount, shares);
    if (under === undefined) return [];
    const fix = mount.place === "/" ? null : `sudo umount ${quoted(mount.place)}`;
    return risk(
      "file-system",
      `${mount.place} (${mount.type}) is mounted from ${under}`,
      mount.evidence,
      fix,
    );
  });
  const swapped = readSwaps(options).flatMap(({ path, isFile }) => {
    const device = isFile ? undefined : devices.find(({ paths }) => paths.includes(path));
    if (device === undefined) return [];
    return risk(
      "swap",
      `memory is swapped to ${device.title}`,
      "/proc/swaps",
      `sudo swapoff ${quoted(path)}`,
    );
  });
  const made = devices.flatMap((device) => {
    if (device.on === null) return [];
    const evidence = `${BLOCK}/${device.on.name}/holders/${device.name}`;
    return risk("volume", `${device.title} is in use`, evidence, takeApart(device));
  });
  return [...mounted, ...swapped, ...made];
}

/** Disks and partitions of a function, and everything that was made of them. */
export function blockDevices(fn: Pick<PciFunction, "address">, options: TreeOptions): BlockDevice[] {
  const found = new Map<string, BlockDevice>();
  const add = (name: string, on: BlockDevice | null) => {
    // Also where devices, by a fault of the kernel or of a copied tree, hold each other.
    if (found.has(name)) return;
    const device = readDevice(name, on, options);
    found.set(name, device);
    for (const holder of readNames(pathIn(options, join(BLOCK, name, "holders")))) add(holder, device);
  };
  for (const { name } of descendants(BLOCK, fn, options)) add(name, null);
  for (const name of sharedNamespaces(fn, options)) add(name, null);
  return [...found.values()];
}

function readDevice(name: string, on: BlockDevice | null, options: TreeOptions): BlockDevice {
  const attribute = (path: string) => readText(pathIn(options, join(BLOCK, name, path)));
  const volume = attribute("dm/name");
  const level = attribute("md/level");
  const label = volume ?? level;
  const made = label === null ? name : `${name} (${label})`;
  return {
    name,
    number: attribute("dev") ?? "",
    title: on === null ? made : `${made} on ${on.title}`,
    paths: [`/dev/${name}`, ...(volume === null ? [] : [`/dev/mapper/${volume}`])],
    on,
  };
}

/** NVMe namespaces that several controllers may lead to lie in none of them (`drivers/nvme/host/multipath.c`). */
function sharedNamespaces(fn: Pick<PciFunction, "address">, options: TreeOptions): string[] {
  return readNames(pathIn(options, BLOCK)).flatMap((name) => {
    const target = readLink(pathIn(options, join(BLOCK, name))) ?? "";
    const subsystem = /\/(nvme-subsystem\/nvme-subsys\d+)\//.exec(target)?.[1];
    if (subsystem === undefined) return [];
    const place = pathIn(options, `/sys/devices/virtual/${subsystem}`);
    const leads = (link: string) => readLink(join(place, link))?.split("/").includes(fn.address) === true;
    return readNames(place).some((link) => /^nvme\d+$/.test(link) && leads(link)) ? name : [];
  });
}

function isMountOf(
  { device, source, type }: Mount,
  { name, number, paths }: BlockDevice,
  options: TreeOptions,
): boolean {
  if (device === number || paths.includes(source)) return true;
  // A btrfs of several devices names one of them, and has a number of its own.
  if (type !== "btrfs") return false;
  const place = pathIn(options, "/sys/fs/btrfs");
  const members = readNames(place).map((id) => readNames(join(place, id, "devices")));
  return members.some((names) => names.includes(name) && names.includes(basename(source)));
}

/** Tags of the host's directories that a virtio function shares by 9p. */
function mountTags(fn: PciFunction, options: TreeOptions): string[] {
  const virtio = descendants("/sys/bus/virtio/devices", fn, options);
  return virtio.flatMap(
    ({ name }) => readText(pathIn(options, `/sys/bus/virtio/devices/${name}/mount_tag`)) ?? [],
  );
}

function sharedAs({ type, source }: Mount, tags: readonly string[]): string | undefined {
  const shared = type === "9p" && tags.some((tag) => tag.replace(/\0.*$/, "") === source);
  return shared ? `the share ${source}` : undefined;
}

function takeApart({ name, paths }: BlockDevice): string {
  if (name.startsWith("md")) return `sudo mdadm --stop /dev/${name}`;
  return `sudo dmsetup remove ${quoted(basename(paths.at(-1)!))}`;
}

/** A word for a shell. */
function quoted(text: string): string {
  return /^[\w/.:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
