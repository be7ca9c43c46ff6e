import type { PciFunction } from "../../function.ts";
import { isVfioDriver } from "../../group.ts";
import { describeHolders, endHolders, findHolders, hasProcesses } from "../../holders.ts";
import { deviceNodes } from "../../nodes.ts";
import { type FunctionCheck, type Question, type Verdict, verdict } from "../check.ts";
import type { Facts } from "../facts.ts";
import { describePerson, type NodeAccess, nodeAccess, person } from "../person.ts";
import { container } from "../platform.ts";
import { count } from "./function.ts";
import { passNode } from "./platform.ts";
import { CONTAINER_NODE, IOMMU_NODE } from "./vfio.ts";

/** The nodes that lead to a function, and who may and does use them. */
export const accessChecks: readonly FunctionCheck[] = [
  { id: "node", title: "node", after: ["driver", "group", "vfio-nodes", "modules"], look: lookAtNode },
  { id: "permission", title: "permission", after: ["node", "driver", "vfio-nodes"], look: lookAtPermission },
  { id: "holders", title: "users", after: ["node"], look: lookAtHolders },
];

function lookAtNode(fn: PciFunction, { facts }: Question): Verdict {
  const { group, device } = deviceNodes(fn, facts.tree);
  const present = [group, device].filter((path) => path !== null);
  if (present.length > 0) {
    return verdict(
      "ok",
      present.join(", "),
      present.map((path) => ({ path, says: "there" })),
    );
  }
  const wanted = `/dev/vfio/${fn.iommuGroup ?? "GROUP"}`;
  const seen = [{ path: wanted, says: "not there" }];
  if (!isVfioDriver(fn.driver))
    return verdict("problem", "it has none before it is bound", seen, [`sudo userpci bind ${fn.address}`]);
  const fix =
    container(facts) === null
      ? ["findmnt /dev  # is it a devtmpfs? if not: sudo mount -t devtmpfs devtmpfs /dev"]
      : passNode(facts, CONTAINER_NODE, wanted);
  return verdict("problem", `${wanted} is not there, though ${fn.driver} has the function`, seen, fix);
}

/** The ways to a function: all nodes of one must be open. */
function ways(fn: PciFunction, facts: Facts): readonly (readonly string[])[] {
  const { group, device } = deviceNodes(fn, facts.tree);
  return [
    ...(group === null ? [] : [[group, CONTAINER_NODE]]),
    ...(device === null ? [] : [[device, IOMMU_NODE]]),
  ];
}

function lookAtPermission(fn: PciFunction, { facts, asked }: Question): Verdict {
  const answers = ways(fn, facts).map((way) => way.map((path) => nodeAccess(path, facts)));
  const seen = answers.flat().map(({ path, says }) => ({ path, says }));
  if (answers.length === 0)
    return verdict("problem", "there is no node to open", seen, [`sudo userpci bind ${fn.address}`]);
  const open = answers.find((way) => way.every(({ answer }) => answer === "open"));
  const who = person(facts);
  const name = who === null ? "this user" : describePerson(who);
  if (open !== undefined) return verdict("ok", `${name} may open ${open[0]!.path}`, seen);
  const closed = answers.flat().find(({ answer }) => answer !== "open")!;
  if (closed.answer === "unknown") return verdict("unknown", "who asks is not known", seen);
  // Somebody else's, on purpose: no fault of the machine.
  if (!asked && closed.uid !== 0) return verdict("note", `${closed.path} is uid ${closed.uid}'s`, seen);
  return verdict(
    "problem",
    `${name} may not open ${closed.path}`,
    seen,
    permit(fn, closed, who?.name ?? "USER", facts),
  );
}

function permit(
  fn: PciFunction,
  { path, answer }: NodeAccess,
  user: string,
  facts: Facts,
): readonly string[] {
  if (answer === "cgroup") return [...passNode(facts, path), "in a systemd unit: DeviceAllow=char-vfio rw"];
  if (path === CONTAINER_NODE)
    return [`sudo chmod 0666 ${path}  # as udev's own rules do: it gives access to no device`];
  return [`sudo userpci bind ${fn.address} --user ${user}`];
}

async function lookAtHolders(fn: PciFunction, { facts }: Question): Promise<Verdict> {
  const { group, device } = deviceNodes(fn, facts.tree);
  const nodes = [group, device].filter((path) => path !== null);
  const { holders, unreadable } = await findHolders(nodes, facts.tree);
  const others = holders.filter(({ pid }) => pid !== process.pid);
  if (others.length > 0) {
    const seen = others.map(({ pid, path }) => ({ path: `/proc/${pid}/fd`, says: path }));
    return verdict("problem", `open in ${describeHolders(others)}`, seen, [endHolders(others)]);
  }
  if (!hasProcesses(facts.tree)) {
    return verdict("unknown", "a copy without processes does not tell", [
      { path: "/proc", says: "no processes" },
    ]);
  }
  const seen = [
    { path: "/proc/*/fd", says: nodes.length === 0 ? "no node to look for" : `no ${nodes.join(", ")}` },
  ];
  if (unreadable === 0 || nodes.length === 0) return verdict("ok", "nobody", seen);
  const says = `nobody of this user's; ${count(unreadable, "process")} of others not seen`.replace(
    "processs",
    "processes",
  );
  return verdict("unknown", says, seen, [`sudo userpci doctor ${fn.address}`]);
}
