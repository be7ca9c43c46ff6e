import { isPciError } from "@userpci/interface";
import { savedOverride } from "../../driverctl.ts";
import { DEVICES, type PciFunction } from "../../function.ts";
import { isVfioDriver, readGroup } from "../../group.ts";
import { lookAgain, refuseUnbindable } from "../../refusal.ts";
import { freeingCommands, needsOfMember } from "../../risks/free-group.ts";
import type { Risk } from "../../risks/risk.ts";
import { canEnd, endsOf, needsOf } from "../../risks/uses.ts";
import { type FunctionCheck, type Question, type Verdict, verdict } from "../check.ts";
import { type Evidence, evidence, type Facts } from "../facts.ts";
import { person } from "../person.ts";

/** Path of an attribute of a function. */
const at = ({ address }: PciFunction, attribute: string): string => `${DEVICES}/${address}/${attribute}`;

/** What a function is, and who has it. */
export const functionChecks: readonly FunctionCheck[] = [
  { id: "answers", title: "answers", after: [], look: lookAtAnswer },
  { id: "kind", title: "kind", after: ["answers"], look: lookAtKind },
  { id: "group", title: "IOMMU group", after: ["iommu", "groups", "kind"], look: lookAtGroup },
  { id: "driver", title: "driver", after: ["kind"], look: lookAtDriver },
  { id: "viable", title: "group members", after: ["group"], look: lookAtMembers },
  { id: "reset", title: "reset", after: ["kind"], look: lookAtReset },
];

function lookAtAnswer(fn: PciFunction, { facts }: Question): Verdict {
  const config = facts.bytes(at(fn, "config"));
  const state = facts.text(at(fn, "power_state"));
  const seen = [evidence(config, firstBytes(config.value))];
  if (config.value === null || config.value.length < 4) {
    return verdict("unknown", "its configuration space is not to be read here", seen);
  }
  if (config.value.readUInt32LE(0) !== 0xffff_ffff)
    return verdict("ok", stateText(state.value), [...seen, evidence(state)]);
  // A virtual function's ids read so by themselves; the rest of its header does not.
  if (fn.physicalFunction !== null && config.value.subarray(4, 16).some((byte) => byte !== 0xff)) {
    return verdict("ok", "a virtual function, which has no ids of its own", seen);
  }
  return verdict(
    "problem",
    "it does not answer: it was unplugged, or its link is down",
    [...seen, evidence(state)],
    lookAgain(fn.address),
  );
}

/** Vendor and device id, as the function itself gives them. */
function firstBytes(bytes: Buffer | null): string {
  if (bytes === null || bytes.length < 4) return "too short";
  const [vendor, device] = [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  return `ids ${[vendor, device].map((id) => id.toString(16).padStart(4, "0")).join(":")}`;
}

function stateText(state: string | null): string {
  return state === null || state === "unknown" || state === "D0"
    ? "yes"
    : `yes; it is in ${state}, and wakes when it is opened`;
}

function lookAtKind(fn: PciFunction, { facts }: Question): Verdict {
  const seen: Evidence[] = [evidence(facts.text(at(fn, "class")))];
  try {
    if (!isVfioDriver(fn.driver)) refuseUnbindable({ ...fn, iommuGroup: fn.iommuGroup ?? 0 }, facts.tree);
    return verdict(
      "ok",
      fn.physicalFunction === null ? "an endpoint" : `a virtual function of ${fn.physicalFunction}`,
      seen,
    );
  } catch (error) {
    if (!isPciError(error, "ERR_BIND_REFUSED")) throw error;
    return verdict("problem", error.message.replace(`${fn.address} `, "it "), seen, error.hint?.split("\n"));
  }
}

function lookAtGroup(fn: PciFunction, { facts }: Question): Verdict {
  const path = at(fn, "iommu_group");
  if (fn.iommuGroup === null) {
    return verdict(
      "problem",
      "it is behind no IOMMU",
      [{ path, says: "not there" }],
      ["put the device into another slot, or take another function: userpci list"],
    );
  }
  const group = readGroup(fn.iommuGroup, facts.tree);
  const says = `group ${group.number} of ${count(group.members.length, "device")}`;
  const seen = [{ path, says: `…/iommu_groups/${group.number}` }];
  if (!group.noIommu) return verdict("ok", says, seen);
  const name = evidence(facts.text(`/sys/kernel/iommu_groups/${group.number}/name`));
  return verdict(
    "warning",
    `${says}, a stand-in of no-IOMMU mode: its DMA is not contained`,
    [...seen, name],
    ["turn the IOMMU on: userpci doctor says how"],
  );
}

async function lookAtDriver(fn: PciFunction, { facts }: Question): Promise<Verdict> {
  const path = at(fn, "driver");
  if (isVfioDriver(fn.driver)) return verdict("ok", fn.driver!, [{ path, says: fn.driver! }]);
  const who = person(facts);
  const user = who === null || who.uid === 0 ? "" : ` --user ${who.name}`;
  const saved = savedOverride(fn.address, facts.tree);
  const override = saved === null ? [] : [{ path: saved.path, says: `${saved.driver}, at every boot` }];
  const seen = [{ path, says: fn.driver ?? "not there" }, ...override];
  const fix = [`sudo userpci bind ${fn.address}${user}`];
  if (fn.driver === null) return verdict("problem", "no driver has it: user space needs vfio-pci", seen, fix);
  const needed = await needsOf(fn, facts.tree);
  if (needed.length > 0) return lookAtUses(fn, needed, seen, fix);
  return verdict("problem", `${fn.driver} has it: user space needs vfio-pci`, seen, fix);
}

const ANOTHER = "or take another function: userpci list";

/** The verdict on a function that `bind` would refuse, because the machine uses it. */
function lookAtUses(
  fn: PciFunction,
  risks: readonly Risk[],
  seen: readonly Evidence[],
  bind: readonly string[],
): Verdict {
  const more = risks.length === 1 ? "" : ` (and ${risks.length - 1} more)`;
  const says = `${fn.driver} has it, and this machine needs it: ${risks[0]!.what}${more}`;
  const look = `userpci bind ${fn.address} --plan  # what this machine would lose`;
  const last = canEnd(risks) ? bind : [ANOTHER];
  const uses = risks.map(({ evidence: path, what }) => ({ path, says: what }));
  return verdict("problem", says, [...seen, ...uses], [look, ...endsOf(risks), ...last]);
}

async function lookAtMembers(fn: PciFunction, { facts }: Question): Promise<Verdict> {
  if (fn.iommuGroup === null) return verdict("unknown", "it is in no group", []);
  const path = `/sys/kernel/iommu_groups/${fn.iommuGroup}/devices`;
  const group = readGroup(fn.iommuGroup, facts.tree);
  const others = group.members.filter(({ address }) => address !== fn.address);
  const blocking = others.filter(({ blocks }) => blocks);
  const seen = [
    {
      path,
      says: group.members.map(({ address, driver }) => `${address} (${driver ?? "no driver"})`).join(" "),
    },
  ];
  if (blocking.length === 0) {
    return verdict(
      "ok",
      others.length === 0 ? "it is alone" : `${count(others.length, "other")}, none in the way`,
      seen,
    );
  }
  const named = blocking.map(({ address, driver }) => `${address} (${driver})`).join(", ");
  const needs = (await Promise.all(blocking.map((member) => needsOfMember(member, facts.tree)))).flat();
  return verdict(
    "problem",
    `group ${group.number} is not viable: ${named} ${blocking.length === 1 ? "has a driver" : "have drivers"} of the kernel`,
    seen,
    [
      ...(await freeingCommands({ ...group, members: others }, facts.tree)),
      canEnd(needs) ? `or all of the group: sudo userpci bind ${fn.address} --group` : ANOTHER,
    ],
  );
}

function lookAtReset(fn: PciFunction, { facts }: Question): Verdict {
  const methods = evidence(facts.text(at(fn, "reset_method")));
  if (fn.resetMethods.length > 0) return verdict("ok", fn.resetMethods.join(", "), [methods]);
  if (facts.has(at(fn, "reset")))
    return verdict("ok", "there is one", [{ path: at(fn, "reset"), says: "there" }]);
  return verdict("note", "none: what one program leaves in it, the next one finds", [methods]);
}

/** `1 device`, `2 devices`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** What is said of a function that is not there. */
export function absent(address: string, facts: Facts): Verdict {
  const present = facts.names(DEVICES);
  return verdict(
    "problem",
    `there is no PCI function ${address}`,
    [evidence(present, count(present.value?.length ?? 0, "function"))],
    [
      "userpci list  # what there is",
      "echo 1 | sudo tee /sys/bus/pci/rescan  # looks again for what was plugged in",
    ],
  );
}
