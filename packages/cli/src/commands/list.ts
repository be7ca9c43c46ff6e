import { PciError } from "@userpci/interface";
import { className } from "@userpci/pci-config/classes";
import { type FunctionFilter, findFunctions, isVfioDriver, type PciFunction } from "@userpci/sysfs";
import { type CommandCall, optionText, type Report, treeOf } from "../command.ts";
import { functionJson, idOf, nameOf } from "../function-view.ts";
import { Names } from "../names.ts";
import { type Style, shorten } from "../style.ts";
import { type Column, formatTable } from "../table.ts";

/** `userpci list`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const functions = findFunctions(filterOf(call), tree);
  const names = Names.read(tree.root);
  if (functions.length === 0 && !call.json) call.terminal.note("no PCI function matches\n");
  return {
    json: { functions: functions.map((fn) => functionJson(fn, names)) },
    text: (style) => {
      if (functions.length === 0) return [];
      return fit(formatTable(columns(names, style), functions, style), call.terminal.columns);
    },
  };
}

function columns(names: Names, style: Style): Column<PciFunction>[] {
  return [
    { title: "ADDRESS", cell: (fn) => fn.address },
    { title: "ID", cell: (fn) => idOf(fn.vendor, fn.device) },
    { title: "CLASS", cell: (fn) => className(fn.classCode) },
    { title: "DRIVER", cell: (fn) => driverText(fn.driver, style) },
    { title: "GROUP", cell: (fn) => String(fn.iommuGroup ?? ""), align: "right" },
    { title: "NODE", cell: (fn) => String(fn.numaNode ?? ""), align: "right" },
    { title: "NAME", cell: (fn) => nameOf(fn, names) },
  ];
}

function driverText(driver: string | null, style: Style): string {
  if (driver === null) return style.dim("-");
  return isVfioDriver(driver) ? style.green(driver) : driver;
}

// The last column has no colours, so that a line may be cut in it.
function fit(lines: readonly string[], width: number | undefined): string[] {
  return width === undefined
    ? [...lines]
    : lines.map((line) => (line.includes("\x1b") ? line : shorten(line, width)));
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
  if (/^\d+$/.test(text)) return Number(text);
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not the number of an IOMMU group`, {
    hint: 'give a number, or "none" for functions in no group',
  });
}
