import { existsSync } from "node:fs";
import { isPciError, PciError } from "@userpci/interface";
import { PciAddress } from "../address.ts";
import { findFunction } from "../find.ts";
import { isVfioDriver } from "../group.ts";
import { exclusively } from "../guard.ts";
import { explainWrite, type Kernel, kernelOf } from "../kernel.ts";
import { recordOf } from "../lock-record.ts";
import { checkTreeOptions } from "../options.ts";
import { atNodes } from "../permit.ts";
import { statePath } from "../state-file.ts";
import { pathIn, type TreeOptions } from "../tree.ts";
import type { FileKind, FilePurpose, GeneratedFile } from "./generated-file.ts";
import { changeFiles, type FileChange, planFiles } from "./install.ts";
import { refuseOthers, settleNodes } from "./node-grant.ts";
import {
  describePermission,
  type Permission,
  type PermissionOptions,
  permissionFiles,
} from "./permission.ts";
import { bindingFiles, describeBinding, type PersistentBinding } from "./persistent-binding.ts";

/** What is done, or is to be done, so that something lasts over boots. */
export interface Setup {
  readonly address: string;
  readonly files: readonly FileChange[];
  /** Nodes whose owner was changed at once; none for a function that is not bound, and in a plan. */
  readonly nodes: readonly string[];
  /** Commands after which all of it counts, such as `sudo update-initramfs -u`. */
  readonly after: readonly string[];
  /** Whether a udev runs that would read the rules: in a container none does. */
  readonly udev: boolean;
}

/** How a permission is set up. */
export interface PermitOptions extends PermissionOptions {
  /** Whether the function is to be a device of the Container Device Interface too, in `/etc/cdi`. Default false. */
  readonly cdi?: boolean;
}

/** A permission, and what it takes. */
export interface Permit extends Setup {
  readonly permission: Permission;
}

/** How a binding is made to last. With a user or a group the function is opened up to them for good, too. */
export type PersistOptions = TreeOptions & Partial<PermitOptions>;

/** A persistent binding, and what it takes. */
export interface PersistentSetup extends Setup {
  readonly binding: PersistentBinding;
  /** Null if nobody was named. */
  readonly permission: Permission | null;
}

/**
 * What {@link permit} would do. Changes nothing, and needs no rights.
 *
 * @throws PciError what `permit` throws, but for `ERR_PERMISSION`
 */
export async function planPermit(address: string, options: PermitOptions): Promise<Permit> {
  const { permission, files } = filesToGrant(address, options);
  return { permission, ...(await planSetup(permission.address, ["permission"], files, options)) };
}

/** The error for what is to name nodes of a function that has none, or of one whose nodes this tree does not tell. */
export function withoutNodes({ address }: Permission, options: TreeOptions): PciError {
  if (!isVfioDriver(findFunction(address, options).driver)) {
    const message = `${address} is not bound to vfio-pci, so it has no nodes that a container could be given`;
    return new PciError("ERR_WRONG_DRIVER", message, { hint: `sudo userpci bind ${address}` });
  }
  const [where, hint] =
    options.root === undefined
      ? ["here", `userpci doctor ${address} says what is in the way of them`]
      : ["in this copy", "make a new snapshot of its machine, or run it there"];
  const message = `${address} is bound, but the numbers of its nodes are not known ${where}`;
  return new PciError("ERR_NOT_SUPPORTED", message, { hint });
}

function filesToGrant(
  address: string,
  options: PermitOptions,
): { readonly permission: Permission; readonly files: readonly GeneratedFile[] } {
  const permission = describePermission(address, options);
  if (options.cdi === true && permission.nodes.length === 0) throw withoutNodes(permission, options);
  refuseOthers(permission, options);
  const kinds: readonly FileKind[] = ["udev", "limits", "systemd", ...(options.cdi ? ["cdi" as const] : [])];
  return { permission, files: permissionFiles(permission).filter(({ kind }) => kinds.includes(kind)) };
}

/**
 * Opens a function up to a user or a group for good: by a udev rule for its nodes, which also holds at every later boot, and a limit of pinned
 * memory for who logs in and for services. A function that is bound is theirs at once; the others are once they are bound. Needs root.
 *
 * A function has one permission: another takes the first one's place.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_RANGE`, `ERR_NO_DEVICE`; `ERR_WRONG_DRIVER` for `cdi` of one that is not bound, `ERR_NOT_SUPPORTED` if its nodes are not known; `ERR_NODE_TAKEN`
 * where another's permission has a node that this one needs; `ERR_BUSY` for a file in the way that userpci did not write, or while another process
 * sets something up for seconds; `ERR_PERMISSION`, or the system's code
 */
export async function permit(address: string, options: PermitOptions): Promise<Permit> {
  return permitOn(kernelOf(options), address, options);
}

/** {@link permit} on a given kernel. */
export async function permitOn(kernel: Kernel, address: string, options: PermitOptions): Promise<Permit> {
  const make = () => planPermit(address, options);
  const commandOf = ({ permission }: Permit) =>
    `userpci permit ${permission.address} --${permission.grantee.kind} ${permission.grantee.name}`;
  return carryOut(kernel, make, commandOf, options);
}

/**
 * What {@link unpermit} would do.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, or with the system's code
 */
export async function planUnpermit(address: string, options: TreeOptions = {}): Promise<Setup> {
  return planRemoval(address, ["permission"], options);
}

/**
 * Takes a permission back, and its nodes from who had them, but from one whom `bind` gave them for this boot. Harmless without a permission. The
 * function need not be there any more. Needs root.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_PERMISSION`, `ERR_BUSY` while another process sets something up for seconds, or with the system's
 * code
 */
export async function unpermit(address: string, options: TreeOptions = {}): Promise<Setup> {
  return unpermitOn(kernelOf(options), address, options);
}

/** {@link unpermit} on a given kernel. */
export async function unpermitOn(kernel: Kernel, address: string, options: TreeOptions): Promise<Setup> {
  const commandOf = (plan: Setup) => `userpci permit ${plan.address} --remove`;
  return carryOut(kernel, () => planUnpermit(address, options), commandOf, options);
}

/**
 * What {@link persist} would do.
 *
 * @throws PciError what `persist` throws, but for `ERR_PERMISSION`
 */
export async function planPersist(address: string, options: PersistOptions = {}): Promise<PersistentSetup> {
  const binding = await describeBinding(address, options);
  const lasting = bindingFiles(binding);
  if (options.user === undefined && options.group === undefined) {
    const setup = await planSetup(binding.address, ["binding"], lasting, options);
    return { binding, permission: null, ...setup };
  }
  const { permission, files } = filesToGrant(address, options);
  const both = ["binding", "permission"] as const;
  const setup = await planSetup(binding.address, both, [...lasting, ...files], options);
  return { binding, permission, ...setup };
}

/**
 * Has every boot bind a function to vfio-pci before its own driver can have it: by a udev rule, an order of modules, and the same in the initial
 * root where this machine makes one. The binding of now is not changed: that is `bind`'s. Needs root.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`, `ERR_NOT_SUPPORTED` before Linux 3.16; `ERR_BUSY` as {@link permit};
 * `ERR_PERMISSION`, or the system's code; with a user or a group what {@link permit} throws
 */
export async function persist(address: string, options: PersistOptions = {}): Promise<PersistentSetup> {
  return persistOn(kernelOf(options), address, options);
}

/** {@link persist} on a given kernel. */
export async function persistOn(
  kernel: Kernel,
  address: string,
  options: PersistOptions,
): Promise<PersistentSetup> {
  const commandOf = (plan: Setup) => `userpci bind ${plan.address} --persist`;
  return carryOut(kernel, () => planPersist(address, options), commandOf, options);
}

/**
 * What {@link unpersist} would do.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, or with the system's code
 */
export async function planUnpersist(address: string, options: TreeOptions = {}): Promise<Setup> {
  return planRemoval(address, ["binding", "permission"], options);
}

/**
 * Takes back all that is to last of a function: its persistent binding and its permission. The binding of now is not changed: that is
 * `unbind`'s. Harmless where there is nothing, and where the function is not there any more. Needs root.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_PERMISSION`, `ERR_BUSY` while another process sets something up for seconds, or with the system's
 * code
 */
export async function unpersist(address: string, options: TreeOptions = {}): Promise<Setup> {
  return unpersistOn(kernelOf(options), address, options);
}

/** {@link unpersist} on a given kernel. */
export async function unpersistOn(kernel: Kernel, address: string, options: TreeOptions): Promise<Setup> {
  const commandOf = (plan: Setup) => `userpci restore ${plan.address} --persistent`;
  return carryOut(kernel, () => planUnpersist(address, options), commandOf, options);
}

async function planRemoval(
  address: string,
  purposes: readonly FilePurpose[],
  options: TreeOptions,
): Promise<Setup> {
  checkTreeOptions(options);
  return planSetup(PciAddress.parse(address).toString(), purposes, [], options);
}

async function planSetup(
  address: string,
  purposes: readonly FilePurpose[],
  wanted: readonly GeneratedFile[],
  options: TreeOptions,
): Promise<Setup> {
  const files = await planFiles(address, purposes, wanted, options);
  const commands = files.flatMap(({ change, after }) => (change === "none" || after === null ? [] : [after]));
  const udev = existsSync(pathIn(options, "/run/udev/control"));
  return { address, files, nodes: [], after: [...new Set(commands)], udev };
}

/**
 * Makes the plan, and carries it out while no other call does so: two functions may share a node, which one user or one group has, and two
 * calls for one function would each leave files of the other behind.
 */
async function carryOut<T extends Setup>(
  kernel: Kernel,
  make: () => Promise<T>,
  commandOf: (plan: T) => string,
  options: TreeOptions,
): Promise<T> {
  // What is wrong with it needs no rights to be told, and what changes nothing takes none.
  const first = await make();
  if (first.files.length === 0) return first;
  const command = commandOf(first);
  const path = statePath("setup.lock", options);
  const act = async () => apply(kernel, await make(), command, options);
  return exclusively(path, recordOf("setup", first.address), act).catch((error: unknown) => {
    const isLock = isPciError(error, "ERR_PERMISSION") && error.path?.startsWith(path);
    throw isLock ? explainWrite(path, error.cause, command) : error;
  });
}

/** Changes the files, then the nodes: what the next boot does is decided first. */
async function apply<T extends Setup>(
  kernel: Kernel,
  plan: T,
  command: string,
  options: TreeOptions,
): Promise<T> {
  await changeFiles(plan.files, command, options);
  const after = [...(await reloadRules(kernel, plan)), ...plan.after];
  if (!plan.files.some(({ purpose }) => purpose === "permission")) return { ...plan, after };
  const record = recordOf("setup", plan.address);
  // Binding gives nodes away too.
  const nodes = await atNodes(record, options, () => settleNodes(kernel, plan.address, options));
  return { ...plan, after, nodes };
}

/** Has a udev that runs go by the rules as they are now. @returns the command that does so, where udev cannot be told from here */
async function reloadRules(kernel: Kernel, { files, udev }: Setup): Promise<readonly string[]> {
  if (!udev || !files.some(({ kind, change }) => kind === "udev" && change !== "none")) return [];
  try {
    await kernel.reloadRules();
    return [];
  } catch {
    return ["sudo udevadm control --reload"];
  }
}
