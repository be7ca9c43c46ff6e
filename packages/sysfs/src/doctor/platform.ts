import type { Evidence, Facts } from "./facts.ts";
import { evidence } from "./facts.ts";

/** Release of the running kernel, such as `6.12.9-amd64`; null if the tree does not tell. */
export function kernelRelease(facts: Facts): string | null {
  const { value } = facts.text("/proc/sys/kernel/osrelease");
  if (value !== null) return value;
  // A kernel may be without /proc/sys.
  return /^Linux version (\S+)/.exec(facts.text("/proc/version").value ?? "")?.[1] ?? null;
}

/** A maker's IOMMU: what tells of it, turns it on and drives it. */
export interface IommuKind {
  /** What people call it. */
  readonly name: string;
  /** ACPI table that describes it. */
  readonly table: string;
  /** Drivers of it in the kernel: one has to be built, without `CONFIG_`. */
  readonly drivers: readonly string[];
  /** Parameter of the kernel's that turns it off by `off`. */
  readonly parameter: string;
  /** Whether the kernel has to be told to use it, unless it was built to. */
  readonly opens: boolean;
}

const intel: IommuKind = {
  name: "VT-d",
  table: "DMAR",
  drivers: ["INTEL_IOMMU"],
  parameter: "intel_iommu",
  opens: true,
};
const amd: IommuKind = {
  name: "AMD-Vi",
  table: "IVRS",
  drivers: ["AMD_IOMMU"],
  parameter: "amd_iommu",
  opens: false,
};
const arm: IommuKind = {
  name: "SMMU",
  table: "IORT",
  drivers: ["ARM_SMMU_V3", "ARM_SMMU"],
  parameter: "iommu",
  opens: false,
};
const virtio: IommuKind = {
  name: "virtio-iommu",
  table: "VIOT",
  drivers: ["VIRTIO_IOMMU"],
  parameter: "iommu",
  opens: false,
};

/** Every kind. A table that is there says more than the processor: a virtual machine may have any of them. */
export const iommuKinds: readonly IommuKind[] = [intel, amd, virtio, arm];

/** ACPI's tables; only root may read them, but their names are for all. */
export const TABLES = "/sys/firmware/acpi/tables";

/** The IOMMU that this machine has, or would have. */
export function iommuKind(facts: Facts): IommuKind {
  const tables = facts.names(TABLES).value ?? [];
  const described = iommuKinds.find(({ table }) => tables.includes(table));
  if (described !== undefined) return described;
  const processor = facts.text("/proc/cpuinfo").value ?? "";
  if (/^vendor_id\s*:\s*(AuthenticAMD|HygonGenuine)/m.test(processor)) return amd;
  return /^CPU implementer/m.test(processor) ? arm : intel;
}

/** Whether the processor is one of x86, whose interrupts the IOMMU has to remap. */
export function isX86(facts: Facts): boolean {
  return /^vendor_id/m.test(facts.text("/proc/cpuinfo").value ?? "");
}

/** The virtual machine that this is, as evidence; null on bare metal, or if nothing tells. */
export function virtualMachine(facts: Facts): Evidence | null {
  const processor = facts.text("/proc/cpuinfo");
  if (!/^flags\s*:.*\bhypervisor\b/m.test(processor.value ?? "")) return null;
  const product = facts.text("/sys/class/dmi/id/product_name");
  return product.value ? evidence(product) : evidence(processor, "flags: hypervisor");
}

/** Files that tell of a container, and how they do. */
const containerMarks: readonly (readonly [path: string, pattern: RegExp])[] = [
  ["/run/.containerenv", /^/],
  ["/.dockerenv", /^/],
  ["/run/systemd/container", /./],
  ["/proc/1/environ", /(?:^|\0)container=\w+/],
  ["/proc/1/cgroup", /docker|kubepods|libpod|lxc|containerd/],
  ["/run/secrets/kubernetes.io/serviceaccount/namespace", /^/],
  // Where a runtime keeps the layers that the root directory is made of.
  ["/proc/self/mountinfo", /^(?:\S+ ){4}\/ .*?- overlay .*?(?:containerd|docker|containers\/storage)/m],
];

/** What says that this is a container's file system, as evidence; null if nothing does. */
export function containerMark(facts: Facts): Evidence | null {
  for (const [path, pattern] of containerMarks) {
    const reading = facts.text(path);
    const match = reading.value === null ? null : pattern.exec(reading.value);
    if (match !== null) return evidence(reading, match[0].replace("\0", "") || "there");
  }
  return null;
}

/** The namespaces that the machine starts with: the same numbers on every system (`linux/proc_ns.h`). */
const initialNamespaces: readonly string[] = [
  "cgroup:[4026531835]",
  "pid:[4026531836]",
  "user:[4026531837]",
  "uts:[4026531838]",
  "ipc:[4026531839]",
];

/** A namespace that is not the machine's own, as evidence; null if all are, undefined if the tree does not tell. */
export function ownNamespace(facts: Facts): Evidence | null | undefined {
  const links = initialNamespaces.map((name) => facts.link(`/proc/self/ns/${name.split(":")[0]}`));
  if (links.every(({ value }) => value === null)) return undefined;
  const own = links.find(({ value }) => value !== null && !initialNamespaces.includes(value));
  return own === undefined ? null : evidence(own);
}

/** The container that this is, as evidence; null if it is none: a virtual machine may have been made of a container's image. */
export function container(facts: Facts): Evidence | null {
  return ownNamespace(facts) === null ? null : containerMark(facts);
}

/** Names of the IOMMUs that are at work, such as `dmar0`. */
export function workingIommus(facts: Facts): readonly string[] {
  return facts.names("/sys/class/iommu").value ?? [];
}

/** Whether there is something behind which functions are isolated: some platforms have groups and no class. */
export function hasIommu(facts: Facts): boolean {
  return workingIommus(facts).length > 0 || facts.groups.some(({ noIommu }) => !noIommu);
}
