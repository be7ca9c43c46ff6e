import { PciError } from "@userpci/interface";
import { className } from "@userpci/pci-config/classes";
import type { PciIds } from "@userpci/pci-config/ids";
import { type FunctionFilter, findFunctions, isVfioDriver, type PciFunction } from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, optionText, type Report, treeOf } from "../command.ts";
import { functionJson, idOf, nameOf } from "../function-view.ts";
import { readPciIds } from "../names.ts";
import { type Style, shorten, widthOf } from "../style.ts";
import { type Column, formatTable, GAP } from "../table.ts";

/** Fewest columns of a name that are worth their place. */
const MIN_NAME = 12;

/** `userpci list`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const filter = await ofCommandLine(() => filterOf(call));
  const functions = await ofCommandLine(() => findFunctions(filter, tree));
  const names = readPciIds(tree.root);
  if (functions.length === 0 && !call.json) call.terminal.note(noneText(filter));
  return {
    json: { functions: functions.map((fn) => functionJson(fn, names)) },
    text: (style) => (functions.length === 0 ? [] : table(functions, names, style, call.terminal.columns)),
  };
}

function noneText(filter: FunctionFilter): string {
  return Object.keys(filter).length > 0
    ? "no PCI function matches\n"
    : "there is no PCI function; is /sys mounted?\n";
}

/** The table, with names cut to what a terminal has left of its width. */
function table(
  functions: readonly PciFunction[],
  names: PciIds,
  style: Style,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const facts = columns(style);
  const used = Math.max(...formatTable(facts, functions, style).map(widthOf));
  const name = (fn: PciFunction) => shorten(nameOf(fn, names), Math.max(MIN_NAME, width - used - GAP));
  return formatTable([...facts, { title: "NAME", cell: name }], functions, style);
}

function columns(style: Style): Column<PciFunction>[] {
  return [
    { title: "ADDRESS", cell: (fn) => fn.address },
    { title: "ID", cell: (fn) => idOf(fn.vendor, fn.device) },
    { title: "CLASS", cell: (fn) => className(fn.classCode) },
    { title: "DRIVER", cell: (fn) => driverText(fn.driver, style) },
    { title: "GROUP", cell: (fn) => String(fn.iommuGroup ?? ""), align: "right" },
    { title: "NODE", cell: (fn) => String(fn.numaNode ?? ""), align: "right" },
  ];
}

function driverText(driver: string | null, style: Style): string {
  if (driver === null) return style.dim("-");
  return isVfioDriver(driver) ? style.green(driver) : driver;
}

function filterOf(call: CommandCall): FunctionFilter {
  const [id, kind, driver, group] = ["id", "class", "driver", "group"].map((name) => optionText(call, name));
  return {
    ...(id !== undefined && { id }),
    ...(kind !== undefined && { class: kind }),
    ...(driver !== undefined && { driver: driver === "none" ? null : driver }),
    ...(group !== undefined && { group: group === "none" ? null : groupNumber(group) }),
  };
}

function groupNumber(text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not the number of an IOMMU group`, {
    hint: 'give a number, or "none" for functions in no group',
  });
}
