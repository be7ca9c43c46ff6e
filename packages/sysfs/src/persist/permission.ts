import { PciError } from "@userpci/interface";
import { findFunction } from "../find.ts";
import { functionPath, type PciFunction } from "../function.ts";
import { isVfioDriver } from "../group.ts";
import { deviceNodes } from "../nodes.ts";
import { checkTreeOptions } from "../options.ts";
import { pathIn, readText, type TreeOptions } from "../tree.ts";
import { cdiFile, ociFragment } from "./container.ts";
import { type GeneratedFile, isPlainUnit, type NamedFunction } from "./generated-file.ts";
import { findGrantee, type Grantee } from "./grantee.ts";
import { checkMemlock, DEFAULT_MEMLOCK, type Memlock } from "./memlock.ts";
import { limitsFile, systemdFiles } from "./memlock-files.ts";
import { permissionRule } from "./permission-rule.ts";

/** A device node that leads to a function, while it is bound to vfio-pci. */
export interface PermittedNode {
  readonly path: string;
  /** Numbers of the device, as `/sys` has them at this boot. */
  readonly major: number;
  readonly minor: number;
}

/** Who may use a function, and with how much memory: the description that all files of a permission are made of. */
export interface Permission extends NamedFunction {
  readonly grantee: Grantee;
  /** How much memory a process of theirs may pin for DMA (row R13). */
  readonly memlock: Memlock;
  /** A unit of systemd that is to have the limit, such as `capture.service`; null for none. */
  readonly service: string | null;
  /** The nodes that there are now; empty for a function that is not bound, and where their numbers are not known. */
  readonly nodes: readonly PermittedNode[];
}

/** What a permission is to say. */
export interface PermissionOptions extends TreeOptions {
  /** Name or uid of the user who may use the function. */
  readonly user?: string | number;
  /** In place of `user`: name or gid of a group whose members may. */
  readonly group?: string | number;
  /** Bytes that a process of theirs may pin for DMA, 64 KiB to 64 TiB in whole KiB, or `"unlimited"`. Default 1 GiB. */
  readonly memlock?: Memlock;
  /** A unit of systemd that is to have the limit as well, such as `capture.service`. */
  readonly service?: string;
}

/**
 * Describes a permission.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for a user, group or service that there cannot be; `ERR_OUT_OF_RANGE`,
 * `ERR_NO_DEVICE`
 */
export function describePermission(address: string, options: PermissionOptions): Permission {
  checkTreeOptions(options);
  const fn = findFunction(address, options);
  const { memlock = DEFAULT_MEMLOCK, service } = options;
  if (service !== undefined && !isPlainUnit(service)) {
    throw new PciError(
      "ERR_INVALID_ARGUMENT",
      `${JSON.stringify(service)} is no name of a service of systemd`,
      {
        hint: "give the unit with its ending, such as capture.service",
      },
    );
  }
  return {
    address: fn.address,
    vendor: fn.vendor,
    device: fn.device,
    grantee: findGrantee(options, options),
    memlock: checkMemlock(memlock),
    service: service ?? null,
    nodes: permittedNodes(fn, options),
  };
}

/**
 * The files of a permission: the same description always gives the same text. Those for containers are only there for a function
 * whose nodes are, since they name them.
 */
export function permissionFiles(permission: Permission): GeneratedFile[] {
  return [
    permissionRule(permission),
    limitsFile(permission),
    ...systemdFiles(permission),
    ...(permission.nodes.length === 0 ? [] : [ociFragment(permission), cdiFile(permission)]),
  ];
}

/** The nodes that a program opens for a function: the container's, its group's, its own and `/dev/iommu`, as far as there are. */
function permittedNodes(fn: PciFunction, options: TreeOptions): PermittedNode[] {
  if (!isVfioDriver(fn.driver)) return [];
  const { group, device, iommu } = deviceNodes(fn, options);
  const numbered: readonly (readonly [path: string | null, numbers: string])[] = [
    ["/dev/vfio/vfio", pathIn(options, "/sys/class/misc/vfio/dev")],
    [group, pathIn(options, `/sys/class/vfio/${group?.split("/").at(-1)}/dev`)],
    [device, functionPath(fn.address, options, `vfio-dev/${fn.vfioDevice}/dev`)],
    [device === null ? null : iommu, pathIn(options, "/sys/class/misc/iommu/dev")],
  ];
  const found = numbered.flatMap(([path, numbers]) => {
    const [, major, minor] = /^(\d+):(\d+)$/.exec(path === null ? "" : (readText(numbers) ?? "")) ?? [];
    return path === null || major === undefined ? [] : [{ path, major: Number(major), minor: Number(minor) }];
  });
  // A part of them is of no use; who has the device's own node needs no container.
  const needed = device === null ? ["/dev/vfio/vfio", group] : [group, device, iommu];
  const isWhole = needed.every((path) => path === null || found.some((node) => node.path === path));
  return isWhole ? found : [];
}
