import type { Problem } from "@userpci/pci-config";
import { bytesRegion, configOf, describe } from "@userpci/pci-config";
import type { PciIds } from "@userpci/pci-config/ids";
import {
  type AerCounter,
  ConfigFile,
  deviceNodes,
  findFunction,
  findHolders,
  type HolderReport,
  hasProcesses,
  type IommuGroup,
  type IsolationGap,
  type PciFunction,
  readAerCounters,
  readDriverOverride,
  readGroup,
  readInterfaces,
  readNodeStatus,
  readTopology,
  type TopologyNode,
  type TreeOptions,
} from "@userpci/sysfs";
import { readModuleAliases, readModules } from "@userpci/sysfs/modules";
import { functionJson, groupJson } from "../function-view.ts";

/** A node of the function and who may use it. */
export interface NodeState {
  readonly path: string;
  readonly uid: number;
  readonly gid: number;
  /** Permission bits in octal, such as `0660`. */
  readonly mode: string;
}

/** What a function can do, as far as its configuration space may be read. */
export interface Abilities {
  readonly vectors: { readonly intx: number; readonly msi: number; readonly msix: number } | null;
  /** Names of capabilities, with where they are. */
  readonly capabilities: readonly (readonly [name: string, offset: number])[];
  readonly problems: readonly Problem[];
}

/** Everything that `userpci show` tells of a function. */
export interface Shown {
  readonly fn: PciFunction;
  readonly group: IommuGroup | null;
  /** The function and the bridges above it, topmost first. */
  readonly path: readonly TopologyNode[];
  readonly gaps: readonly IsolationGap[];
  readonly modules: readonly string[];
  readonly driverOverride: string | null;
  readonly interfaces: readonly string[];
  /** Errors that the kernel has counted, at the function and above it; those that never happened left out. */
  readonly errors: readonly AerCounter[];
  readonly nodes: readonly NodeState[];
  readonly holders: HolderReport;
  /** Whether the tree has processes, without which nobody knows who has it open. */
  readonly processes: boolean;
  /** Bytes of configuration space that this user may read; 0 without its file. */
  readonly configBytes: number;
  /** Null without a file of configuration space. */
  readonly abilities: Abilities | null;
}

/** Reads it all. @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`, `ERR_PERMISSION` */
export async function shownFunction(address: string, tree: TreeOptions): Promise<Shown> {
  const fn = findFunction(address, tree);
  const topology = readTopology(tree);
  const nodes = nodeStates(fn, tree);
  const bytes = configBytes(fn.address, tree);
  return {
    fn,
    group: fn.iommuGroup === null ? null : readGroup(fn.iommuGroup, tree),
    path: topology.path(fn.address),
    gaps: topology.gaps(fn.address),
    modules: readModules(fn.address, readModuleAliases(tree), tree),
    driverOverride: (await readDriverOverride(fn.address, tree)) ?? null,
    interfaces: readInterfaces(fn.address, tree),
    errors: readAerCounters(fn.address, tree).filter(({ count }) => count > 0),
    nodes,
    holders: await findHolders(
      nodes.map(({ path }) => path),
      tree,
    ),
    processes: hasProcesses(tree),
    configBytes: bytes?.length ?? 0,
    abilities: bytes === null ? null : abilitiesOf(bytes),
  };
}

/** What was read, for programs. */
export function shownJson(shown: Shown, names: PciIds): object {
  const { fn, group, path, gaps, modules, driverOverride, interfaces, errors, nodes, holders } = shown;
  const { portType, link, shortfall, slot, powerState, runtimeStatus, acs, cpus } = path.at(-1)!;
  return {
    function: functionJson(fn, names),
    group: group === null ? null : groupJson(group),
    place: {
      portType,
      bridges: path.slice(0, -1).map((node) => node.fn.address),
      slot,
      link,
      shortfall,
      powerState,
      runtimeStatus,
      cpus,
      acs,
      gaps,
    },
    driverOverride,
    modules,
    interfaces,
    errors,
    nodes,
    ...holders,
  };
}

function nodeStates(fn: PciFunction, tree: TreeOptions): NodeState[] {
  const { group, device } = deviceNodes(fn, tree);
  return [group, device].flatMap((path) => {
    const status = path === null ? null : readNodeStatus(path, tree);
    if (path === null || status === null) return [];
    const { uid, gid, mode } = status;
    return [{ path, uid, gid, mode: `0${(mode & 0o777).toString(8)}` }];
  });
}

/** Null where there is no such file: in a copy that somebody made by hand. */
function configBytes(address: string, tree: TreeOptions): Uint8Array | null {
  try {
    using file = new ConfigFile(address, tree);
    return Uint8Array.from({ length: file.size }, (_, offset) => file.read8(offset));
  } catch {
    return null;
  }
}

function abilitiesOf(bytes: Uint8Array): Abilities | null {
  try {
    const { vectors, capabilities, extendedCapabilities, problems } = describe(configOf(bytesRegion(bytes)));
    const found = [...capabilities, ...extendedCapabilities];
    return {
      vectors: vectors ?? null,
      capabilities: found.map(({ name, offset }) => [name, offset] as const),
      problems,
    };
  } catch {
    // No configuration space at all: -vv says what is wrong with it.
    return null;
  }
}
