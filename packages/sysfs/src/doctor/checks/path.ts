import { DEVICES, type PciFunction } from "../../function.ts";
import { readGroup } from "../../group.ts";
import type { TopologyNode } from "../../topology.ts";
import { type FunctionCheck, type Question, type Verdict, verdict } from "../check.ts";
import { wordValue } from "../command-line.ts";
import { type Evidence, evidence } from "../facts.ts";

/** What is between a function and the root complex. */
export const pathChecks: readonly FunctionCheck[] = [
  { id: "acs", title: "ACS on the path", after: ["group"], look: lookAtAcs },
  { id: "link", title: "link", after: ["answers"], look: lookAtLink },
];

function lookAtAcs(fn: PciFunction, { facts }: Question): Verdict {
  if (fn.iommuGroup === null) return verdict("unknown", "it is in no group", []);
  const patched = wordValue(facts, "pcie_acs_override");
  if (patched !== null) {
    const says =
      "a patched kernel pretends that ports have ACS: groups are smaller than what keeps devices apart";
    const seen = [evidence(facts.text("/proc/cmdline"), `pcie_acs_override=${patched}`)];
    return verdict("warning", says, seen, ["trust it only with devices whose drivers trust each other"]);
  }
  const { topology } = facts;
  const path = topology.path(fn.address);
  const bridges = path.slice(0, -1).map((node) => node.fn.address);
  const { members } = readGroup(fn.iommuGroup, facts.tree);
  const own = [fn.address, ...bridges];
  const others = members.map(({ address }) => address).filter((address) => !own.includes(address));
  if (others.length === 0) return alone(path);
  return shared(others, path, topology.gaps(fn.address), fn.address);
}

function alone(path: readonly TopologyNode[]): Verdict {
  const above = path.slice(0, -1).map((node) => node.fn.address);
  const seen = [{ path: `${DEVICES}/${path.at(-1)!.fn.address}/iommu_group`, says: "no other endpoint" }];
  const where = above.length === 0 ? "on the root bus" : `below ${above.join(" and ")}`;
  return verdict("ok", `${where}, alone in its group`, seen);
}

/** What a group of several is due to. */
function shared(
  others: readonly string[],
  path: readonly TopologyNode[],
  gaps: readonly { readonly address: string; readonly why: string }[],
  address: string,
): Verdict {
  const says = `it shares its group with ${others.join(", ")}`;
  const fix = ["use all of the group together, or put the device into a slot of its own"];
  if (gaps.length > 0) {
    const seen = gaps.map((gap) => ({ path: `${DEVICES}/${gap.address}/config`, says: gap.why }));
    return verdict(
      "warning",
      `${says}, because of ${gaps.map((gap) => gap.address).join(" and ")}`,
      seen,
      fix,
    );
  }
  const hidden = path.filter(({ portType, acs }) => portType === "unknown" || acs === "unknown");
  const seen = hidden.map(({ fn }) => ({
    path: `${DEVICES}/${fn.address}/config`,
    says: "not for this user to read beyond the header",
  }));
  if (hidden.length === 0) return verdict("warning", `${says}; its platform keeps them together`, seen, fix);
  return verdict("unknown", `${says}; why is for root to see`, seen, [`sudo userpci doctor ${address}`]);
}

function lookAtLink(fn: PciFunction, { facts }: Question): Verdict {
  const { link, shortfall } = facts.topology.node(fn.address);
  const seen: Evidence[] = [
    "current_link_speed",
    "current_link_width",
    "max_link_speed",
    "max_link_width",
  ].map((name) => evidence(facts.text(`${DEVICES}/${fn.address}/${name}`)));
  if (link === null) return verdict("ok", "none: it is no PCI Express device in a slot", seen.slice(0, 1));
  if (link.speed === null || link.width === null) {
    return verdict("note", "down, or the kernel does not tell", seen);
  }
  const now = `${link.speed} GT/s x${link.width}`;
  if (shortfall === null) return verdict("ok", now, seen.slice(0, 2));
  return verdict(
    "warning",
    `${now}, of ${shortfall.speed} GT/s x${shortfall.width} that both ends can`,
    seen,
    ["look at slot, riser and cable; a link may also rest while the device is idle"],
  );
}
