import { className } from "@userpci/pci-config/classes";
import type { PciIds } from "@userpci/pci-config/ids";
import { isVfioDriver, type PciFunction, type Topology, type TopologyNode } from "@userpci/sysfs";
import { idOf, linkText, nameOf } from "./function-view.ts";
import type { Style } from "./style.ts";

/** A node of the tree for programs. */
export interface TreeJson {
  readonly address: string;
  readonly link: TopologyNode["link"];
  readonly shortfall: TopologyNode["shortfall"];
  readonly slot: string | null;
  readonly powerState: string | null;
  readonly children: readonly TreeJson[];
}

/** Parts of a topology: functions that are wanted, and the bridges that lead to them. */
function prune(nodes: readonly TopologyNode[], wanted: ReadonlySet<string>): readonly TopologyNode[] {
  return nodes.flatMap((node) => {
    const children = prune(node.children, wanted);
    return children.length > 0 || wanted.has(node.fn.address) ? [{ ...node, children }] : [];
  });
}

/** The tree as data, by root bus. */
export function treeJson(topology: Topology, functions: readonly PciFunction[]): object[] {
  const json = ({ fn, link, shortfall, slot, powerState, children }: TopologyNode): TreeJson => {
    return { address: fn.address, link, shortfall, slot, powerState, children: children.map(json) };
  };
  return pruned(topology, functions).map(({ name, children }) => ({
    bus: name,
    children: children.map(json),
  }));
}

/** The tree as lines, each with what is on the function's link and who has it. */
export function treeText(
  topology: Topology,
  functions: readonly PciFunction[],
  names: PciIds,
  style: Style,
): string[] {
  const lines = (nodes: readonly TopologyNode[], lead: string): string[] =>
    nodes.flatMap((node, index) => {
      const isLast = index === nodes.length - 1;
      return [
        `${style.dim(`${lead}${isLast ? "└─" : "├─"}`)} ${nodeText(node, names, style)}`,
        ...lines(node.children, `${lead}${isLast ? "   " : "│  "}`),
      ];
    });
  return pruned(topology, functions).flatMap(({ name, children }) => [
    style.bold(`bus ${name}`),
    ...lines(children, ""),
  ]);
}

function pruned(topology: Topology, functions: readonly PciFunction[]) {
  const wanted = new Set(functions.map(({ address }) => address));
  return topology.roots
    .map(({ name, children }) => ({ name, children: prune(children, wanted) }))
    .filter(({ children }) => children.length > 0);
}

function nodeText(
  { fn, link, shortfall, slot, portType, powerState }: TopologyNode,
  names: PciIds,
  style: Style,
): string {
  const { driver, iommuGroup } = fn;
  const name = nameOf(fn, names) || className(fn.classCode);
  const isPort = portType !== null && portType !== "unknown" && portType.endsWith("port");
  const facts = [
    driver === null ? "" : isVfioDriver(driver) ? style.green(driver) : driver,
    iommuGroup === null ? "" : `group ${iommuGroup}`,
    slot === null ? "" : `slot ${slot}`,
    linkText(link),
    shortfall === null ? "" : style.yellow(`could be ${shortfall.speed} GT/s x${shortfall.width}`),
    powerState === null || powerState === "D0" || powerState === "unknown" ? "" : powerState,
  ];
  const kind = isPort ? style.dim(` ${portType}`) : "";
  const told = facts.filter((fact) => fact !== "").join(", ");
  return `${fn.address}  ${idOf(fn.vendor, fn.device)}  ${name}${kind}${told === "" ? "" : `  ${told}`}`;
}
