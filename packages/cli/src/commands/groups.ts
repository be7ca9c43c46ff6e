import { className } from "@userpci/pci-config/classes";
import type { PciIds } from "@userpci/pci-config/ids";
import {
  freeingCommands,
  type GroupMember,
  type IommuGroup,
  type IsolationGap,
  listGroups,
  readGroup,
  readTopology,
  type Topology,
  type TreeOptions,
} from "@userpci/sysfs";
import { type CommandCall, ofCommandLine, optionText, type Report, treeOf } from "../command.ts";
import { groupJson, idOf } from "../function-view.ts";
import { groupNumber } from "../group-number.ts";
import { readPciIds } from "../names.ts";
import type { Style } from "../style.ts";
import { formatTable } from "../table.ts";

/** A group, and what explains it. */
interface GroupView {
  readonly group: IommuGroup;
  /** What lets its members reach each other, where there are several. */
  readonly gaps: readonly IsolationGap[];
  /** Commands that make it viable, or show why that would cost the machine something; empty if it is. */
  readonly fix: readonly string[];
}

/** `userpci groups`. */
export async function run(call: CommandCall): Promise<Report> {
  const tree = treeOf(call);
  const wanted = await ofCommandLine(() =>
    call.arguments[0] === undefined ? null : groupNumber(call.arguments[0]),
  );
  const topology = readTopology(tree);
  const groups = (wanted === null ? listGroups(tree) : [readGroup(wanted, tree)]).filter(filterOf(call));
  const views = await Promise.all(groups.map((group) => viewOf(group, topology, tree)));
  if (groups.length === 0 && !call.json) call.terminal.note(noneText(call));
  const explained = views.map(({ group, gaps, fix }) => ({ ...groupJson(group), gaps, fix }));
  return {
    json: { groups: explained },
    lines: explained,
    text: (style) => textOf(views, topology, readPciIds(tree.root), style),
  };
}

function noneText(call: CommandCall): string {
  return call.options["viable"] === true ||
    call.options["blocked"] === true ||
    optionText(call, "driver") !== undefined
    ? "no IOMMU group matches\n"
    : "there is no IOMMU group: no IOMMU is on. `userpci doctor` says why\n";
}

function filterOf(call: CommandCall): (group: IommuGroup) => boolean {
  const driver = optionText(call, "driver");
  return ({ viable, members }) =>
    (call.options["viable"] !== true || viable) &&
    (call.options["blocked"] !== true || !viable) &&
    (driver === undefined || members.some((member) => member.driver === driver));
}

async function viewOf(group: IommuGroup, topology: Topology, tree: TreeOptions): Promise<GroupView> {
  const members = group.members.filter(({ address }) => topology.has(address));
  const gaps = members.length < 2 ? [] : members.flatMap(({ address }) => topology.gaps(address));
  return { group, gaps: uniqueGaps(gaps), fix: await freeingCommands(group, tree) };
}

function uniqueGaps(gaps: readonly IsolationGap[]): IsolationGap[] {
  return [...new Map(gaps.map((gap) => [`${gap.address} ${gap.why}`, gap])).values()];
}

function textOf(views: readonly GroupView[], topology: Topology, names: PciIds, style: Style): string[] {
  return views.flatMap(({ group, gaps, fix }, index) => {
    const verdict = group.viable ? style.green("viable") : style.red("not viable");
    const type = group.type === null ? "" : `  ${group.type}`;
    const unsafe = group.noIommu ? style.red("  no-IOMMU mode: its DMA is not contained") : "";
    return [
      ...(index > 0 ? [""] : []),
      `${style.bold(`group ${group.number}`)}  ${verdict}${type}${unsafe}`,
      ...members(group.members, topology, names, style).map((line) => `  ${line}`),
      ...gaps.map(({ address, why }) => `  ${style.dim("together because of")} ${address}, ${why}`),
      ...fix.map((command) => `  ${style.cyan(command)}`),
    ];
  });
}

function members(rows: readonly GroupMember[], topology: Topology, names: PciIds, style: Style): string[] {
  const fnOf = ({ address }: GroupMember) => (topology.has(address) ? topology.node(address).fn : null);
  const name = (member: GroupMember) => {
    const fn = fnOf(member);
    return fn === null ? "" : (names.device(fn.vendor, fn.device) ?? names.vendor(fn.vendor) ?? "");
  };
  const columns = [
    { title: "", cell: ({ address }: GroupMember) => address },
    {
      title: "",
      cell: (member: GroupMember) => {
        const fn = fnOf(member);
        return fn === null ? "" : idOf(fn.vendor, fn.device);
      },
    },
    { title: "", cell: ({ classCode }: GroupMember) => (classCode === null ? "" : className(classCode)) },
    { title: "", cell: ({ blocks, why }: GroupMember) => (blocks ? style.red(why) : why) },
    { title: "", cell: name },
  ];
  // Without the line of titles: the text says what is what.
  return formatTable(columns, rows, style).slice(1);
}
