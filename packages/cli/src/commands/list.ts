import { PciError } from "@userpci/interface";
import { type FunctionFilter, findFunctions, type PciFunction, readTopology } from "@userpci/sysfs";
import type { CommandCall, Report } from "../command.ts";
import { ofCommandLine, optionText, treeOf, WrongValue } from "../command.ts";
import { functionJson, nameOf } from "../function-view.ts";
import { groupNumber } from "../group-number.ts";
import { type CellSource, columnsOf, emptyOf, parseColumns, type WantedColumn } from "../list-columns.ts";
import { readPciIds } from "../names.ts";
import { shorten, widthOf } from "../style.ts";
import { formatTable, GAP } from "../table.ts";

/** Fewest columns of a name that are worth their place. */
const MIN_NAME = 12;

/** `userpci list`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const asked = optionText(call, "columns");
  const asTree = call.options["tree"] === true;
  if (asTree && asked !== undefined) throw new WrongValue(noColumns());
  const filter = await ofCommandLine(() => filterOf(call));
  const functions = await ofCommandLine(() => findFunctions(filter, tree));
  const wanted = await ofCommandLine(() => parseColumns(asked));
  const names = readPciIds(tree.root);
  if (functions.length === 0 && !call.json) call.terminal.note(noneText(filter));
  const json = { functions: functions.map((fn) => functionJson(fn, names)) };
  if (asTree) {
    const { treeJson, treeText } = await import("../list-tree.ts");
    const topology = readTopology(tree);
    const buses = treeJson(topology, functions);
    return {
      json: { ...json, tree: buses },
      lines: [...json.functions, ...buses],
      text: (style) => treeText(topology, functions, names, style),
    };
  }
  const { columns } = call.terminal;
  return {
    json,
    lines: json.functions,
    text: (style) =>
      functions.length === 0 ? [] : table(functions, wanted, { names, tree, style }, columns),
  };
}

const noColumns = (): PciError =>
  new PciError("ERR_INVALID_ARGUMENT", "--columns does not go with --tree", {
    hint: "a tree has links, slots and groups behind its functions; leave out one of the two",
  });

function noneText(filter: FunctionFilter): string {
  return Object.keys(filter).length > 0
    ? "no PCI function matches\n"
    : "there is no PCI function; is /sys mounted?\n";
}

/** The table, with the last column, if it is the name, cut to what a terminal has left of its width. */
function table(
  functions: readonly PciFunction[],
  wanted: readonly WantedColumn[],
  source: CellSource,
  width = Number.POSITIVE_INFINITY,
): string[] {
  const { names, style } = source;
  const last = wanted.at(-1)!;
  if (last.name !== "name") return formatTable(columnsOf(wanted, source), functions, style);
  const facts = columnsOf(wanted.slice(0, -1), source);
  const used = Math.max(0, ...formatTable(facts, functions, style).map(widthOf));
  const name = (fn: PciFunction) => shorten(nameOf(fn, names), Math.max(MIN_NAME, width - used - GAP));
  return formatTable(
    [...facts, { title: "NAME", cell: name, ...emptyOf(last.named, source) }],
    functions,
    style,
  );
}

function filterOf(call: CommandCall): FunctionFilter {
  const [id, kind, driver, group] = ["id", "class", "driver", "group"].map((name) => optionText(call, name));
  return {
    ...(id !== undefined && { id }),
    ...(kind !== undefined && { class: kind }),
    ...(driver !== undefined && { driver: driver === "none" ? null : driver }),
    ...(group !== undefined && {
      group: group === "none" ? null : groupNumber(group, ', or "none" for functions in no group'),
    }),
  };
}
