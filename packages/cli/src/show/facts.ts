import type { PciIds } from "@userpci/pci-config/ids";
import { describeHolders, type PciFunction } from "@userpci/sysfs";
import { linkText, nameOf, resourceText } from "../function-view.ts";
import { hex } from "../json.ts";
import { pad, type Style } from "../style.ts";
import type { Shown } from "./shown.ts";

/**
 * What a function is, what it can do, and who owns it, as lines.
 *
 * @param limit why its abilities are not known; see {@link configLimit}
 */
export function functionFacts(shown: Shown, names: PciIds, limit: string | null, style: Style): string[] {
  const { fn, interfaces, path } = shown;
  const { link, shortfall, slot } = path.at(-1)!;
  const slower =
    shortfall === null ? "" : style.yellow(`, could be ${shortfall.speed} GT/s x${shortfall.width}`);
  return [
    ...fact("name", [nameOf(fn, names)], style),
    ...fact("driver", [driverText(fn, interfaces)], style),
    ...fact("bridge", [fn.parent ?? ""], style),
    ...fact("slot", [slot ?? ""], style),
    ...fact("link", [link === null ? "" : `${linkText(link)}${slower}`], style),
    ...fact("node", [fn.numaNode === null ? "" : `NUMA node ${fn.numaNode}`], style),
    ...fact("vectors", [limit ?? vectorText(shown)], style),
    ...fact("resets", [fn.resetMethods.join(", ") || "none"], style),
    ...fact("virtual", [virtualText(fn)], style),
    ...fact("memory", fn.resources.map(resourceText), style),
    ...groupFacts(shown, style),
    ...nodeFacts(shown, style),
  ];
}

/** Where a function is and what it consists of, as more lines. */
export function detailFacts(shown: Shown, limit: string | null, style: Style): string[] {
  const { path, gaps, modules, driverOverride, errors, group, abilities } = shown;
  const { portType, powerState, runtimeStatus, cpus, acs } = path.at(-1)!;
  const reserved = group?.reserved ?? [];
  return [
    ...fact("type", [portType === null ? "conventional PCI" : portType], style),
    ...fact("power", [[powerState, runtimeStatus].filter(Boolean).join(", ")], style),
    ...fact("near", [cpus === null ? "" : `processors ${cpus}`], style),
    ...fact(
      "path",
      path.slice(0, -1).map(({ fn, portType: type }) => `${fn.address}  ${type ?? "bridge"}`),
      style,
    ),
    ...fact("ACS", [acs === null || acs === "unknown" ? "" : acs.enabled.join(", ") || "none is on"], style),
    ...fact(
      "open",
      gaps.map(({ address, why }) => style.yellow(`${address}  ${why}`)),
      style,
    ),
    ...fact("modules", [modules.join(", ")], style),
    ...fact("override", [driverOverride ?? ""], style),
    ...fact(
      "errors",
      errors.map((each) => `${each.address}  ${each.severity} ${each.error}: ${each.count}`),
      style,
    ),
    ...fact(
      "reserved",
      reserved.map(({ start, last, type }) => `${hex(start)} to ${hex(last)}  ${type}`),
      style,
    ),
    ...fact("has", limit === null ? capabilityTexts(shown) : [limit], style),
    ...fact("problems", abilities?.problems.map(({ message }) => style.red(message)) ?? [], style),
  ];
}

function driverText({ driver, vfioDevice }: PciFunction, interfaces: readonly string[]): string {
  return driver === null ? "none" : [driver, vfioDevice, ...interfaces].filter(Boolean).join(", ");
}

const capabilityTexts = ({ abilities }: Shown): string[] =>
  abilities?.capabilities.map(([name, offset]) => `${name} at ${hex(offset)}`) ?? [];

function vectorText({ abilities }: Shown): string {
  const { vectors } = abilities ?? { vectors: null };
  if (vectors === null) return "";
  const kinds = [
    ["MSI-X", vectors.msix],
    ["MSI", vectors.msi],
    ["INTx", vectors.intx],
  ] as const;
  return (
    kinds
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(", ") || "none"
  );
}

function groupFacts({ group }: Shown, style: Style): string[] {
  if (group === null) return fact("group", ["none: behind no IOMMU"], style);
  const members = group.members.map(
    ({ address, blocks, why }) => `  ${address}  ${blocks ? style.red(why) : why}`,
  );
  const verdict = group.viable ? style.green("viable") : style.red("not viable");
  const unsafe = group.noIommu ? style.red(", no-IOMMU mode: its DMA is not contained") : "";
  return fact("group", [`${group.number}, ${verdict}${unsafe}`, ...members], style);
}

function nodeFacts({ nodes, holders, processes }: Shown, style: Style): string[] {
  if (nodes.length === 0) return [];
  const who = describeHolders(holders.holders);
  const unsure = holders.unreadable > 0 ? ` (${holders.unreadable} processes of other users not seen)` : "";
  return fact(
    "access",
    [
      ...nodes.map(({ path, uid, gid, mode }) => `${path}  owner ${uid}, group ${gid}, mode ${mode}`),
      who !== "" ? style.yellow(`open in ${who}`) : processes ? `not open${unsure}` : "",
    ],
    style,
  );
}

function fact(name: string, values: readonly string[], style: Style): string[] {
  return values.flatMap((value, index) =>
    value === "" ? [] : [`  ${style.dim(pad(index === 0 ? name : "", 9))}${value}`],
  );
}

function virtualText({ physicalFunction, virtualFunctions, maxVirtualFunctions }: PciFunction): string {
  if (physicalFunction !== null) return `function of ${physicalFunction}`;
  if (maxVirtualFunctions === 0) return "";
  const on = virtualFunctions.length === 0 ? "none" : virtualFunctions.join(", ");
  return `functions enabled: ${on} of ${maxVirtualFunctions}`;
}
