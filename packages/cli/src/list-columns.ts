import { PciError } from "@userpci/interface";
import { className } from "@userpci/pci-config/classes";
import type { PciIds } from "@userpci/pci-config/ids";
import { isVfioDriver, type PciFunction, readInterfaces, readLink, type TreeOptions } from "@userpci/sysfs";
import { readModuleAliases, readModules } from "@userpci/sysfs/modules";
import { idOf, linkText, nameOf } from "./function-view.ts";
import type { Style } from "./style.ts";
import type { Column } from "./table.ts";

/** What cells are made of. */
export interface CellSource {
  readonly names: PciIds;
  readonly tree: TreeOptions;
  readonly style: Style;
}

type Cell = (fn: PciFunction) => string;

/** A column that may be asked for. What it needs for all rows is read when its cells are first wanted. */
interface ColumnSpec {
  readonly title: string;
  readonly align?: "right";
  readonly cells: (source: CellSource) => Cell;
}

/** Every column of `userpci list`, by the name that `--columns` knows it by. */
const columns = {
  address: { title: "ADDRESS", cells: () => (fn) => fn.address },
  id: { title: "ID", cells: () => (fn) => idOf(fn.vendor, fn.device) },
  subsystem: { title: "SUBSYSTEM", cells: () => (fn) => idOf(fn.subsystemVendor, fn.subsystemDevice) },
  revision: { title: "REV", cells: () => (fn) => fn.revision.toString(16).padStart(2, "0") },
  class: { title: "CLASS", cells: () => (fn) => className(fn.classCode) },
  driver: {
    title: "DRIVER",
    cells:
      ({ style }) =>
      ({ driver }) =>
        driver === null ? style.dim("-") : isVfioDriver(driver) ? style.green(driver) : driver,
  },
  modules: {
    title: "MODULES",
    cells: ({ tree }) => {
      const aliases = readModuleAliases(tree);
      return (fn) => readModules(fn.address, aliases, tree).join(",");
    },
  },
  group: { title: "GROUP", align: "right", cells: () => (fn) => String(fn.iommuGroup ?? "") },
  node: { title: "NODE", align: "right", cells: () => (fn) => String(fn.numaNode ?? "") },
  interface: {
    title: "INTERFACE",
    cells:
      ({ tree }) =>
      (fn) =>
        readInterfaces(fn.address, tree).join(","),
  },
  link: {
    title: "LINK",
    cells:
      ({ tree }) =>
      (fn) =>
        linkText(readLink(fn.address, tree)),
  },
  resets: { title: "RESETS", cells: () => (fn) => fn.resetMethods.join(",") },
  vfs: {
    title: "VFS",
    align: "right",
    cells:
      () =>
      ({ virtualFunctions, maxVirtualFunctions }) =>
        maxVirtualFunctions === 0 ? "" : `${virtualFunctions.length}/${maxVirtualFunctions}`,
  },
  parent: { title: "BRIDGE", cells: () => (fn) => fn.parent ?? "" },
  name: {
    title: "NAME",
    cells:
      ({ names }) =>
      (fn) =>
        nameOf(fn, names),
  },
} as const satisfies Readonly<Record<string, ColumnSpec>>;

/** One of the columns. */
export type ColumnName = keyof typeof columns;

/** Names of all columns. */
export const columnNames = Object.keys(columns) as readonly ColumnName[];

/** What is shown unless something else is asked for. The last is cut to the terminal. */
const defaultColumns: readonly ColumnName[] = ["address", "id", "class", "driver", "group", "node", "name"];

/** A column that is shown. */
export interface WantedColumn {
  readonly name: ColumnName;
  /** Whether it was asked for by its name: then it is there whatever is in it. */
  readonly named: boolean;
}

/**
 * Names of columns as they are given: `address,driver,link`; `+link` adds to the usual ones, `all` is every one.
 *
 * @param text default: the usual ones
 * @throws PciError `ERR_INVALID_ARGUMENT`
 */
export function parseColumns(text?: string): readonly WantedColumn[] {
  if (text === undefined) return defaultColumns.map((name) => ({ name, named: false }));
  const isMore = text.startsWith("+");
  const given = (isMore ? text.slice(1) : text).split(",").map((name) => name.trim());
  const names = given.flatMap(namesOf);
  const wanted = isMore ? [...defaultColumns.slice(0, -1), ...names, ...defaultColumns.slice(-1)] : names;
  return [...new Set(wanted)].map((name) => ({ name, named: given.includes(name) }));
}

function namesOf(text: string): readonly ColumnName[] {
  if (text === "all") return columnNames;
  const known = columnNames.find((name) => name === text);
  if (known !== undefined) return [known];
  throw new PciError("ERR_INVALID_ARGUMENT", `${JSON.stringify(text)} is not a column`, {
    hint: `there are ${columnNames.join(", ")}, and all`,
  });
}

/** The columns of a table. */
export function columnsOf(
  wanted: readonly WantedColumn[],
  source: CellSource,
): readonly Column<PciFunction>[] {
  return wanted.map(({ name, named }) => {
    const { cells, ...column }: ColumnSpec = columns[name];
    return { ...column, ...emptyOf(named, source), cell: cells(source) };
  });
}

/** What a column shows where a function has nothing for it. */
export function emptyOf(named: boolean, { style }: CellSource): Pick<Column<PciFunction>, "empty"> {
  return named ? { empty: style.dim("-") } : {};
}
