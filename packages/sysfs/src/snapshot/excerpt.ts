import { gunzipSync, gzipSync } from "node:zlib";
import type { Excerpt } from "./contents.ts";

/** Options of the kernel's configuration that PCI, IOMMU, VFIO, huge pages and lockdown depend on. */
const kernelOption =
  /^(# )?CONFIG_(\w*(VFIO|IOMMU|IRQ_REMAP|HUGETLB|LOCKDOWN|KVM|PCI|DMAR|ACS|DEVMEM|UIO)\w*|CGROUP_DEVICE|MEMCG|CPUSETS|SECURITY_SELINUX|MODULES|EFI|NUMA)\b/;
const builtIn = /(vfio|iommu|kvm|uio|pci)/;
/** Most bytes of a kernel's configuration, unpacked. */
const MAX_CONFIG = 4 << 20;

/** What each excerpt keeps. */
const excerpts: Readonly<Record<Excerpt, (content: Buffer, modaliases: readonly string[]) => Uint8Array>> = {
  "kernel options": keepOptions,
  "built-in modules": (content) => keepLines(content, (line) => builtIn.test(line)),
  "aliases of present functions": (content, modaliases) =>
    keepLines(
      content,
      (line) => line.startsWith("alias pci:") && modaliases.some((each) => isFor(line, each)),
    ),
  // Where modules lie in memory is what an attacker wants to know; root's copy has it.
  "no addresses": (content) =>
    Buffer.from(content.toString("latin1").replace(/0x[0-9a-f]{8,16}/g, "0x0"), "latin1"),
  "one processor": (content) => content.subarray(0, beforeSecond(content)),
};

/**
 * Cuts a file down to what tells of PCI devices.
 *
 * @param modaliases of the functions that are there
 */
export function excerptOf(excerpt: Excerpt, content: Buffer, modaliases: readonly string[]): Uint8Array {
  return excerpts[excerpt](content, modaliases);
}

function keepLines(content: Buffer, keep: (line: string) => boolean): Buffer {
  const lines = content.toString("latin1").split("\n").filter(keep);
  return Buffer.from(lines.map((line) => `${line}\n`).join(""), "latin1");
}

/** Of `/proc/config.gz` as well, which stays packed: readers go by its name. */
function keepOptions(content: Buffer): Uint8Array {
  const isPacked = content[0] === 0x1f && content[1] === 0x8b;
  const text = isPacked ? gunzipSync(content, { maxOutputLength: MAX_CONFIG }) : content;
  const kept = keepLines(text, (line) => kernelOption.test(line));
  return isPacked ? gzipSync(kept) : kept;
}

/** Whether a line of `modules.alias` is for a modalias; by its fixed beginning alone, which may keep a few lines too many. */
function isFor(line: string, modalias: string): boolean {
  const pattern = line.slice("alias ".length);
  const fixed = pattern.slice(0, pattern.indexOf("*"));
  return modalias.startsWith(fixed);
}

/** Where the second processor's part begins. */
function beforeSecond(content: Buffer): number {
  const at = content.indexOf("\n\n");
  return at < 0 ? content.length : at + 1;
}
