import { type MachineCheck, type Question, type Verdict, verdict } from "../check.ts";
import { type Evidence, evidence, type Facts } from "../facts.ts";
import { person } from "../person.ts";
import { container } from "../platform.ts";

/** Less than this is enough for no driver's rings and buffers, in bytes. */
const LEAST = 2 ** 20;
const LIMITS = "/proc/self/limits";
const PAGES = "/sys/kernel/mm/hugepages";

/** What the kernel and its administrator allow. */
export const limitChecks: readonly MachineCheck[] = [
  { id: "memlock", title: "memory to pin", after: [], look: lookAtMemlock },
  { id: "hugepages", title: "huge pages", after: [], look: lookAtHugePages },
  { id: "lockdown", title: "kernel lockdown", after: [], look: lookAtLockdown },
  { id: "selinux", title: "SELinux", after: [], look: lookAtSelinux },
];

function lookAtMemlock({ facts, need }: Question): Verdict {
  const limits = facts.text(LIMITS);
  const row = /^Max locked memory +(\S+) +(\S+)/m.exec(limits.value ?? "");
  const who = person(facts);
  if (row === null || who === null)
    return verdict("unknown", "the tree does not tell the limit", [evidence(limits)]);
  const [, soft = "", hard = ""] = row;
  const limit = soft === "unlimited" ? Number.POSITIVE_INFINITY : Number(soft);
  const seen = [evidence(limits, `Max locked memory ${soft} ${hard}`)];
  if (who.pins)
    return verdict("ok", "no limit: CAP_IPC_LOCK", [
      ...seen,
      evidence(facts.text("/proc/self/status"), "CapEff has CAP_IPC_LOCK"),
    ]);
  if (limit >= (need ?? LEAST)) {
    const rest =
      need === null
        ? "; --need SIZE compares it with what a driver pins"
        : `, and ${sizeText(need)} are needed`;
    return verdict("ok", `${sizeText(limit)} may be pinned${rest}`, seen);
  }
  const says = `${sizeText(limit)} may be pinned, and ${need === null ? "any driver needs more" : `${sizeText(need)} are needed`}`;
  return verdict("problem", says, seen, raise(facts, need ?? 64 * LEAST, who.name, hard));
}

/** What raises the limit to so many bytes. */
function raise(facts: Facts, bytes: number, user: string, hard: string): readonly string[] {
  const kib = Math.ceil(bytes / 1024);
  const now = hard === "unlimited" || Number(hard) >= bytes ? [`ulimit -l ${kib}  # in this shell`] : [];
  if (container(facts) !== null)
    return [...now, `start the container with: docker run --ulimit memlock=${kib * 1024} …`];
  return [
    ...now,
    `echo '${user} - memlock ${kib}' | sudo tee /etc/security/limits.d/50-userpci.conf  # then log in again`,
    `in a systemd unit: LimitMEMLOCK=${kib}K`,
  ];
}

function lookAtHugePages({ facts }: Question): Verdict {
  const pools = facts.names(PAGES);
  const counts = (pools.value ?? []).map((name) => {
    const reading = facts.text(`${PAGES}/${name}/free_hugepages`);
    return { reading, size: name.replace("hugepages-", ""), free: Number(reading.value ?? 0) };
  });
  const seen = counts.map(({ reading }) => evidence(reading));
  const free = counts.filter((pool) => pool.free > 0).map((pool) => `${pool.free} of ${pool.size}`);
  if (free.length > 0) return verdict("ok", `${free.join(", ")} free`, seen);
  return verdict(
    "note",
    "none free; with an IOMMU a driver works without them",
    seen.length > 0 ? seen : [evidence(pools)],
    ["for large mappings: echo 64 | sudo tee /proc/sys/vm/nr_hugepages"],
  );
}

function lookAtLockdown({ facts }: Question): Verdict {
  const file = facts.text("/sys/kernel/security/lockdown");
  const level = /\[(\w+)\]/.exec(file.value ?? "")?.[1];
  if (level === undefined) {
    return verdict(
      file.denied ? "unknown" : "ok",
      file.denied ? "not for this user to see" : "none",
      [evidence(file)],
      file.denied ? [`sudo cat ${file.path}`] : [],
    );
  }
  if (level === "none") return verdict("ok", "none", [evidence(file)]);
  const says = `${level}: VFIO works; writes to config space and BARs through sysfs are refused, also to root`;
  return verdict("note", says, [evidence(file)], ["for those turn Secure Boot off in the firmware's set-up"]);
}

function lookAtSelinux({ facts }: Question): Verdict {
  const file = facts.text("/sys/fs/selinux/enforce");
  const seen: Evidence[] = [evidence(file)];
  if (file.value !== "1") return verdict("ok", file.value === "0" ? "permissive" : "off", seen);
  return verdict("note", "enforcing: it may keep a confined service from /dev/vfio", seen, [
    "what it has refused: sudo ausearch -m avc -ts recent | grep vfio",
  ]);
}

const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];

/** Bytes in the largest unit that divides them. */
export function sizeText(bytes: number): string {
  if (!Number.isFinite(bytes)) return "any amount";
  let value = bytes;
  let unit = 0;
  for (; value > 0 && value % 1024 === 0 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${value} ${units[unit]}`;
}
