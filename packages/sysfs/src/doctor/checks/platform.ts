import { existsSync } from "node:fs";
import { pathIn } from "../../tree.ts";
import { type MachineCheck, type Question, type Verdict, verdict } from "../check.ts";
import { evidence, type Facts } from "../facts.ts";
import { describePerson, person } from "../person.ts";
import { container, containerMark, kernelRelease } from "../platform.ts";

/** What came with which version, besides what every kernel with VFIO has. */
const features: readonly (readonly [version: readonly [number, number], feature: string])[] = [
  [[3, 16], "driver_override"],
  [[5, 15], "reset_method"],
  [[6, 2], "iommufd"],
  [[6, 6], "/dev/vfio/devices"],
  [[6, 13], "mapping of files by iommufd"],
];

/** The first version with VFIO. */
const FIRST: readonly [number, number] = [3, 6];

/** The machine as such. */
export const platformChecks: readonly MachineCheck[] = [
  { id: "sysfs", title: "PCI functions", after: [], look: lookAtSysfs },
  { id: "user", title: "user", after: [], look: lookAtUser },
  { id: "container", title: "container", after: [], look: lookAtContainer },
  { id: "kernel-version", title: "kernel version", after: [], look: lookAtVersion },
];

function lookAtSysfs({ facts }: Question): Verdict {
  const devices = facts.names("/sys/bus/pci/devices");
  const count = devices.value?.length ?? 0;
  if (count > 0) return verdict("ok", `${count} PCI functions`, [evidence(devices, `${count} entries`)]);
  const mounted = facts.names("/sys/bus").value !== null;
  return mounted
    ? verdict(
        "problem",
        "this machine has no PCI function",
        [evidence(devices)],
        ["give the virtual machine a PCI device, or look on the host: some have virtio-mmio alone"],
      )
    : verdict(
        "problem",
        "/sys is not mounted",
        [evidence(facts.names("/sys"))],
        ["sudo mount -t sysfs sys /sys"],
      );
}

function lookAtUser({ facts }: Question): Verdict {
  const who = person(facts);
  const status = facts.text("/proc/self/status");
  if (who === null) return verdict("unknown", "the tree does not tell who asks", [evidence(status)]);
  const seen = [evidence(status, `Uid ${who.uid}, groups ${who.groups.join(" ")}`)];
  if (!who.initial) {
    const says = "root of a user namespace alone: to the machine's files an ordinary user";
    const map = evidence(facts.text("/proc/self/uid_map"));
    return verdict("note", who.uid === 0 ? says : "a user namespace of its own", [...seen, map]);
  }
  if (who.uid === 0) return verdict("ok", "root: sees and may do everything here", seen);
  const says = `${describePerson(who)}: enough for a driver; to bind, and to see ACS and other users' processes, takes root`;
  return verdict("ok", says, seen);
}

function lookAtContainer({ facts }: Question): Verdict {
  const mark = containerMark(facts);
  if (mark === null) return verdict("ok", "none", [evidence(facts.text("/run/.containerenv"))]);
  if (container(facts) === null) {
    const says = "none: a container's file system, but in the machine's own namespaces";
    return verdict("ok", says, [mark, evidence(facts.link("/proc/self/ns/pid"))]);
  }
  const readOnly = /^(?:\S+ ){4}\/sys (?:ro[, ])/m.test(facts.text("/proc/self/mountinfo").value ?? "");
  const sys = facts.text("/proc/self/mountinfo");
  return readOnly
    ? verdict("note", "a container whose /sys is read-only: bind outside of it", [
        mark,
        evidence(sys, "/sys ro"),
      ])
    : verdict("note", "a container: what it lacks, its host has to give it", [mark]);
}

function lookAtVersion({ facts }: Question): Verdict {
  const release = kernelRelease(facts);
  const path = existsSync(pathIn(facts.tree, "/proc/sys/kernel/osrelease"))
    ? "/proc/sys/kernel/osrelease"
    : "/proc/version";
  const seen = [evidence(facts.text(path), release ?? undefined)];
  const match = /^(\d+)\.(\d+)/.exec(release ?? "");
  if (match === null) return verdict("unknown", "the tree does not tell the kernel's version", seen);
  const version = [Number(match[1]), Number(match[2])] as const;
  if (isBefore(version, FIRST)) {
    const says = `Linux ${release} has no VFIO: that came with ${FIRST.join(".")}`;
    return verdict("problem", says, seen, ["install a kernel of this decade, and reboot"]);
  }
  const missing = features.filter(([since]) => isBefore(version, since));
  if (missing.length === 0) return verdict("ok", `Linux ${release}: every feature`, seen);
  const list = missing.map(([since, feature]) => `${feature} (${since.join(".")})`).join(", ");
  return verdict("note", `Linux ${release} may lack ${list}`, seen);
}

function isBefore(version: readonly [number, number], other: readonly [number, number]): boolean {
  return version[0] < other[0] || (version[0] === other[0] && version[1] < other[1]);
}

/** What gives a container a node. */
export function passNode(facts: Facts, ...nodes: readonly string[]): readonly string[] {
  if (container(facts) === null) return [];
  const devices = nodes.map((node) => `--device ${node}`).join(" ");
  return [`start the container with: docker run ${devices} --ulimit memlock=-1 …`];
}
