import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PciFunction } from "./function.ts";
import { checkTreeOptions } from "./options.ts";
import { readManifest } from "./snapshot/manifest.ts";
import { pathIn, readText, type TreeOptions } from "./tree.ts";

/** The device nodes through which user space reaches a function bound to vfio-pci. Null: not there. */
export interface DeviceNodes {
  /** `/dev/vfio/7`, or `/dev/vfio/noiommu-7` in no-IOMMU mode. */
  readonly group: string | null;
  /** `/dev/vfio/devices/vfio0` (Linux 6.6 and later with `CONFIG_VFIO_DEVICE_CDEV`). */
  readonly device: string | null;
  /** `/dev/iommu` (`CONFIG_IOMMUFD`), needed with `device`. */
  readonly iommu: string | null;
}

/**
 * The nodes of a function, as paths below the root, whether or not this user may open them.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type
 */
export function deviceNodes(fn: PciFunction, options: TreeOptions = {}): DeviceNodes {
  checkTreeOptions(options);
  const present = (path: string) => (existsSync(pathIn(options, path)) ? path : null);
  return {
    group: fn.iommuGroup === null ? null : present(`/dev/vfio/${groupName(fn.iommuGroup, options)}`),
    device: fn.vfioDevice === null ? null : present(`/dev/vfio/devices/${fn.vfioDevice}`),
    iommu: present("/dev/iommu"),
  };
}

function groupName(number: number, options: TreeOptions): string {
  const path = pathIn(options, join("/sys/kernel/iommu_groups", String(number), "name"));
  return readText(path) === "vfio-noiommu" ? `noiommu-${number}` : String(number);
}

/** Who may open a device node. */
export interface NodeStatus {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, such as `0o660`. */
  readonly mode: number;
}

/**
 * Owner and mode of a device node; in a snapshot, those that it had on its machine. Null if it is not there.
 *
 * @param path below the root, such as `/dev/vfio/7`
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type
 */
export function readNodeStatus(path: string, options: TreeOptions = {}): NodeStatus | null {
  checkTreeOptions(options);
  const kept = readManifest(options)?.nodes.find((node) => node.path === path);
  const status = kept ?? statSync(pathIn(options, path), { throwIfNoEntry: false });
  if (status === undefined) return null;
  return { uid: status.uid, gid: status.gid, mode: status.mode & 0o7777 };
}
