import { PciError } from "@userpci/interface";
import { type AcsState, acsOf } from "./acs.ts";
import { PciAddress } from "./address.ts";
import { readConfigBytes } from "./config-bytes.ts";
import { listFunctions } from "./find.ts";
import { functionPath, isBridge, type PciFunction } from "./function.ts";
import { type LinkShortfall, linkShortfall, type PciLink, readLink } from "./link.ts";
import { checkTreeOptions } from "./options.ts";
import { forwards, type PortType, portTypeOf } from "./port-type.ts";
import { oneLine, pathIn, readAttribute, readNames, readText, type TreeOptions } from "./tree.ts";

/** A function in its place: what is above and below it, and how it is connected. */
export interface TopologyNode {
  readonly fn: PciFunction;
  /** Null for conventional PCI; "unknown" where this user may not read as far. */
  readonly portType: PortType | null | "unknown";
  /** The link above a function, or below a port. Null for what has none. */
  readonly link: PciLink | null;
  /** What the link could be, if it came up slower or narrower than both of its ends can. */
  readonly shortfall: LinkShortfall | null;
  /** Name of the physical slot that it is in. */
  readonly slot: string | null;
  /** `D0`, `D1`, `D2`, `D3hot`, `D3cold` or `unknown`; null before Linux 5.13. */
  readonly powerState: string | null;
  /** What runtime power management is doing: `active`, `suspended`, …; null if the kernel does not say. */
  readonly runtimeStatus: string | null;
  /** Null for a function without; "unknown" where this user may not read as far. */
  readonly acs: AcsState | null | "unknown";
  /** Numbers of the buses below a bridge, the first and the last. */
  readonly buses: readonly [first: number, last: number] | null;
  /** Processors that are near to it, such as `0-7`; null if the kernel does not say. */
  readonly cpus: string | null;
  /** What is below it, by ascending address. */
  readonly children: readonly TopologyNode[];
}

/** A bus that no bridge of PCI leads to. */
export interface RootBus {
  /** Domain and bus, such as `0000:00`. */
  readonly name: string;
  readonly children: readonly TopologyNode[];
}

/** Why requests of a function may reach another past the IOMMU. */
export interface IsolationGap {
  /** The bridge, port or function that lets them. */
  readonly address: string;
  /** In words. */
  readonly why: string;
}

/** Which function is connected where. A snapshot: nothing in it changes later. */
export class Topology {
  readonly roots: readonly RootBus[];
  readonly #nodes = new Map<string, TopologyNode>();

  /** @internal Made by {@link readTopology}. */
  constructor(roots: readonly RootBus[]) {
    this.roots = roots;
    const add = (node: TopologyNode): void => {
      this.#nodes.set(node.fn.address, node);
      for (const child of node.children) add(child);
    };
    for (const { children } of roots) for (const node of children) add(node);
  }

  /** Whether a name is the address of a function that is there, in the kernel's spelling. */
  has(address: string): boolean {
    return this.#nodes.has(address);
  }

  /**
   * The function at an address.
   *
   * @throws PciError `ERR_INVALID_ARGUMENT`, `ERR_NO_DEVICE`
   */
  node(address: string): TopologyNode {
    const name = PciAddress.parse(address).toString();
    const node = this.#nodes.get(name);
    if (node !== undefined) return node;
    throw new PciError("ERR_NO_DEVICE", `there is no PCI function ${name}`, {
      hint: "`userpci list --tree` shows what there is",
    });
  }

  /** A function and the bridges above it, the topmost first. @throws PciError what {@link node} does */
  path(address: string): readonly TopologyNode[] {
    const path: TopologyNode[] = [];
    for (let next: string | null = this.node(address).fn.address; next !== null; ) {
      // A bridge that is gone since, or a copy that lacks it, ends the path.
      const node: TopologyNode | undefined = this.#nodes.get(next);
      if (node === undefined || path.includes(node)) break;
      path.unshift(node);
      next = node.fn.parent;
    }
    return path;
  }

  /**
   * What on the way from a function to the root complex lets its requests reach others without passing the IOMMU: the reason
   * for a large group, as far as configuration space tells. The kernel also knows chips that isolate without saying so
   * (`pci_dev_acs_enabled` of `drivers/pci/quirks.c`), so that a group may be smaller than this suggests.
   *
   * @returns empty where nothing does, or this user may not read whether
   * @throws PciError what {@link node} does
   */
  gaps(address: string): readonly IsolationGap[] {
    const path = this.path(address);
    const own = path.at(-1)!;
    const above = path.slice(0, -1).flatMap((node) => gapOf(node) ?? []);
    return this.#hasSiblings(own) && own.acs === null
      ? [...above, { address: own.fn.address, why: "one of several functions of a device without ACS" }]
      : above;
  }

  /** Whether other functions are of the same device. Virtual ones are isolated by what SR-IOV demands. */
  #hasSiblings({ fn, portType }: TopologyNode): boolean {
    if (fn.physicalFunction !== null || portType === null || portType === "unknown") return false;
    const device = fn.address.slice(0, -1);
    return [...this.#nodes.keys()].some((other) => other !== fn.address && other.startsWith(device));
  }
}

/** What a bridge lets through. */
function gapOf({ fn, portType, acs }: TopologyNode): IsolationGap | null {
  const gap = (why: string) => ({ address: fn.address, why });
  if (portType === null || portType === "bridge to conventional PCI") {
    return gap("a bridge to conventional PCI: all below it looks like one device to the IOMMU");
  }
  if (portType === "unknown" || acs === "unknown" || !forwards(portType)) return null;
  if (acs === null) return gap(`a ${portType} without ACS`);
  if (acs.isolates) return null;
  const off = acs.capable.filter((service) => !acs.enabled.includes(service));
  return gap(`a ${portType} whose ACS is not on (${off.join(", ")})`);
}

/**
 * Reads which function is connected where: bridges, slots, links, power, Access Control Services. Some of it is in the part
 * of configuration space that only root may read, and "unknown" for others.
 *
 * @throws PciError `ERR_INVALID_ARGUMENT` for options of another type
 */
export function readTopology(options: TreeOptions = {}): Topology {
  checkTreeOptions(options);
  const functions = listFunctions(options);
  const slots = readSlots(options);
  const below = byParent(functions);
  const make = (fn: PciFunction, port: PciLink | null): TopologyNode => {
    const node = readNode(fn, port, slots, options);
    return { ...node, children: (below.get(fn.address) ?? []).map((child) => make(child, node.link)) };
  };
  const present = new Set(functions.map(({ address }) => address));
  const tops = functions.filter(({ parent }) => parent === null || !present.has(parent));
  const roots = new Map<string, TopologyNode[]>();
  for (const fn of tops) {
    const name = fn.address.slice(0, -5);
    roots.set(name, [...(roots.get(name) ?? []), make(fn, null)]);
  }
  return new Topology([...roots].map(([name, children]) => ({ name, children })));
}

function byParent(functions: readonly PciFunction[]): ReadonlyMap<string, readonly PciFunction[]> {
  const below = new Map<string, PciFunction[]>();
  for (const fn of functions) {
    if (fn.parent === null) continue;
    const siblings = below.get(fn.parent) ?? [];
    below.set(fn.parent, [...siblings, fn]);
  }
  return below;
}

function readNode(
  fn: PciFunction,
  port: PciLink | null,
  slots: ReadonlyMap<string, string>,
  options: TreeOptions,
): TopologyNode {
  const read = (attribute: string) => readAttribute(functionPath(fn.address, options, attribute));
  const bytes = readConfigBytes(fn.address, options);
  const link = readLink(fn.address, options);
  const [portType, acs] = [portTypeOf(bytes), acsOf(bytes)];
  return {
    fn,
    portType: portType === undefined ? "unknown" : portType,
    link,
    shortfall: link === null || isBridge(fn.classCode) ? null : linkShortfall(link, port),
    slot: slots.get(fn.address.slice(0, -2)) ?? null,
    powerState: read("power_state"),
    runtimeStatus: read("power/runtime_status"),
    // Conventional PCI has no extended capabilities to be read.
    acs: acs === undefined && portType !== null ? "unknown" : (acs ?? null),
    buses: busesOf(read("secondary_bus_number"), read("subordinate_bus_number")),
    cpus: read("local_cpulist") || null,
    children: [],
  };
}

function busesOf(first: string | null, last: string | null): TopologyNode["buses"] {
  if (first === null || last === null) return null;
  const numbers = [Number(first), Number(last)] as const;
  // A bridge that the firmware has not configured has none.
  return numbers.every((number) => Number.isInteger(number) && number > 0 && number < 256) ? numbers : null;
}

/** Names of the slots by the device in them, `0000:01:00`. */
function readSlots(options: TreeOptions): ReadonlyMap<string, string> {
  const path = pathIn(options, "/sys/bus/pci/slots");
  return new Map(
    readNames(path).flatMap((name) => {
      const address = readText(`${path}/${name}/address`);
      return address === null ? [] : [[address, oneLine(name)] as const];
    }),
  );
}
