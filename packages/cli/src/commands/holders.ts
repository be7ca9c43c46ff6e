import { statSync } from "node:fs";
import { join } from "node:path";
import {
  deviceNodes,
  findFunction,
  findHolders,
  findUser,
  type Holder,
  hasProcesses,
  listFunctions,
  type TreeOptions,
} from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, type Report, treeOf } from "../command.ts";
import { type Column, formatTable } from "../table.ts";

/** A process that has a node open, and what that reaches. */
interface HolderRow extends Holder {
  /** Whose process it is; null if it has ended since. */
  readonly uid: number | null;
  readonly user: string | null;
  /** Functions that the node leads to: all of the group's, for a group's node. */
  readonly addresses: readonly string[];
}

/** `userpci holders`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const address = call.arguments[0];
  const nodes = await ofCommandLine(() => nodesOf(address, tree));
  const { holders, unreadable } = await findHolders([...nodes.keys()], tree);
  const rows = holders.map((each) => ({
    ...each,
    ...ownerOf(each.pid, tree),
    addresses: nodes.get(each.path)!,
  }));
  if (!call.json) {
    const note = hasProcesses(tree)
      ? notes(address, rows.length, unreadable)
      : `this copy has no processes, so it does not tell who has ${address ?? "a function"} open\n`;
    call.terminal.note(note);
  }
  return {
    json: { holders: rows, unreadable },
    lines: [...rows, { unreadable }],
    text: (style) => (rows.length === 0 ? [] : formatTable(columns, rows, style)),
  };
}

const columns: readonly Column<HolderRow>[] = [
  { title: "PID", cell: ({ pid }) => String(pid), align: "right" },
  { title: "USER", cell: ({ user, uid }) => user ?? String(uid ?? "") },
  { title: "NODE", cell: ({ path }) => path },
  { title: "FUNCTIONS", cell: ({ addresses }) => addresses.join(" ") },
  { title: "COMMAND", cell: ({ command }) => command },
];

function notes(address: string | undefined, found: number, unreadable: number): string {
  const what = address ?? "a function";
  const unseen =
    unreadable > 0
      ? `; ${unreadable} processes of other users could not be looked at: sudo userpci holders${address === undefined ? "" : ` ${address}`}`
      : "";
  if (found === 0) return `no process has ${what} open through VFIO${unseen}\n`;
  return unseen === "" ? "" : `${unseen.slice(2)}\n`;
}

/** The nodes of a function, or of all, each with the functions that it leads to. */
function nodesOf(address: string | undefined, tree: TreeOptions): Map<string, string[]> {
  const wanted = address === undefined ? undefined : findFunction(address, tree);
  const nodes = new Map<string, string[]>();
  for (const fn of listFunctions(tree)) {
    const { group, device } = deviceNodes(fn, tree);
    for (const path of [group, device]) {
      if (path !== null) nodes.set(path, [...(nodes.get(path) ?? []), fn.address]);
    }
  }
  for (const [path, addresses] of nodes) {
    if (wanted !== undefined && !addresses.includes(wanted.address)) nodes.delete(path);
  }
  return nodes;
}

function ownerOf(pid: number, tree: TreeOptions): { uid: number | null; user: string | null } {
  const state = statSync(join(tree.root ?? "/", "proc", String(pid)), { throwIfNoEntry: false });
  return state === undefined
    ? { uid: null, user: null }
    : { uid: state.uid, user: findUser(state.uid, tree).name };
}
