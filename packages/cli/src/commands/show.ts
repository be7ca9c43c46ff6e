import { stat } from "node:fs/promises";
import { join } from "node:path";
import { PciError } from "@userpci/interface";
import { className, configOf, describe, formatConfig, toJSON } from "@userpci/pci-config";
import type { PciIds } from "@userpci/pci-config/ids";
import {
  ConfigFile,
  describeHolders,
  deviceNodes,
  findFunction,
  findHolders,
  type HolderReport,
  type IommuGroup,
  type PciFunction,
  readGroup,
  type TreeOptions,
} from "@userpci/sysfs";
import { type CommandCall, optionText, type Report, treeOf } from "../command.ts";
import { functionJson, groupJson, idOf, nameOf, resourceText } from "../function-view.ts";
import { readPciIds } from "../names.ts";
import { pad, type Style } from "../style.ts";

/** A node of the function and who may and does use it. */
interface NodeState {
  readonly path: string;
  readonly uid: number;
  /** Permission bits in octal, such as `0660`. */
  readonly mode: string;
}

/** Fewest bytes of a function's configuration space; who reads less may not read all of it. */
const SMALLEST_CONFIG = 256;

/** `userpci show`. */
export async function run(call: CommandCall): Promise<Report> {
  const dump = optionText(call, "file");
  if (dump !== undefined) {
    refuseRoot(call);
    const { showDump } = await import("./show-dump.ts");
    return showDump(dump, call.arguments[0]);
  }
  return showFunction(call);
}

async function showFunction(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const fn = findFunction(call.arguments[0]!, tree);
  const names = readPciIds(tree.root);
  const group = fn.iommuGroup === null ? null : readGroup(fn.iommuGroup, tree);
  const nodes = await nodeStates(fn, tree);
  const holders = await findHolders(
    nodes.map(({ path }) => path),
    tree,
  );
  using file = new ConfigFile(fn.address, tree);
  const { size } = file;
  // The form for programs has all bytes, so that it reads back; text needs those that somebody owns.
  const config = (call.json ? toJSON : describe)(configOf(file), { barSizes: barSizes(fn) });
  return {
    json: {
      function: functionJson(fn, names),
      group: group === null ? null : groupJson(group),
      nodes,
      ...holders,
      configBytes: size,
      config,
    },
    text: (style) => [
      `${style.bold(fn.address)}  ${className(fn.classCode)}  ${idOf(fn.vendor, fn.device)}`,
      ...facts(fn, names, style),
      ...groupFacts(group, style),
      ...nodeFacts(nodes, holders, style),
      "",
      style.bold(`configuration space, ${size} bytes`),
      ...(size < SMALLEST_CONFIG
        ? [style.yellow(`  an ordinary user reads the first ${size} only: sudo userpci show ${fn.address}`)]
        : []),
      ...formatConfig(config).map((line) => `  ${line}`),
    ],
  };
}

/** A file says nothing of the machine that it came from. */
function refuseRoot(call: CommandCall): void {
  if (optionText(call, "root") === undefined) return;
  throw new PciError(
    "ERR_INVALID_ARGUMENT",
    "a function is shown from a file or from a copied tree, not from both",
    {
      hint: "leave out --file or --root",
    },
  );
}

function facts(fn: PciFunction, names: PciIds, style: Style): string[] {
  return [
    ...fact("name", [nameOf(fn, names)], style),
    ...fact(
      "driver",
      [fn.driver === null ? "none" : [fn.driver, fn.vfioDevice].filter(Boolean).join(", ")],
      style,
    ),
    ...fact("bridge", [fn.parent ?? ""], style),
    ...fact("node", [fn.numaNode === null ? "" : `NUMA node ${fn.numaNode}`], style),
    ...fact("resets", [fn.resetMethods.join(", ") || "none"], style),
    ...fact("virtual", [virtualText(fn)], style),
    ...fact("memory", fn.resources.map(resourceText), style),
  ];
}

function groupFacts(group: IommuGroup | null, style: Style): string[] {
  if (group === null) return fact("group", ["none: behind no IOMMU"], style);
  const members = group.members.map(
    ({ address, blocks, why }) => `  ${address}  ${blocks ? style.red(why) : why}`,
  );
  const verdict = group.viable ? style.green("viable") : style.red("not viable");
  const unsafe = group.noIommu ? style.red(", no-IOMMU mode: its DMA is not contained") : "";
  return fact("group", [`${group.number}, ${verdict}${unsafe}`, ...members], style);
}

function nodeFacts(nodes: readonly NodeState[], report: HolderReport, style: Style): string[] {
  if (nodes.length === 0) return [];
  const who = describeHolders(report.holders);
  const unsure = report.unreadable > 0 ? ` (${report.unreadable} processes of other users not seen)` : "";
  return fact(
    "access",
    [
      ...nodes.map(({ path, uid, mode }) => `${path}  owner ${uid}, mode ${mode}`),
      who === "" ? `not open${unsure}` : style.yellow(`open in ${who}`),
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

async function nodeStates(fn: PciFunction, tree: TreeOptions): Promise<NodeState[]> {
  const { group, device } = deviceNodes(fn, tree);
  const paths = [group, device].filter((path) => path !== null);
  return Promise.all(
    paths.map(async (path) => {
      const { uid, mode } = await stat(join(tree.root ?? "/", path));
      return { path, uid, mode: `0${(mode & 0o777).toString(8)}` };
    }),
  );
}

/** Sizes of BARs 0 to 5; configuration space itself tells them only by being written. */
function barSizes(fn: PciFunction): number[] {
  return Array.from({ length: 6 }, (_, index) => fn.resources.find((bar) => bar.index === index)?.size ?? 0);
}
