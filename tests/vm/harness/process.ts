import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { backendName } from "./backend.ts";

/** What a process holds of devices, as the kernel counts it, without what the addon's guard against SIGBUS keeps. */
export interface Holdings {
  /** How many descriptors are open of each file, by name. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Mappings of devices and of DMA memory. */
  readonly mappings: number;
  /** Bytes pinned for DMA: `VmLck` by a container, `VmPin` by an iommufd. */
  readonly pinned: number;
}

const pinned = backendName === "vfio-cdev" ? /^VmPin:\s*(\d+) kB/m : /^VmLck:\s*(\d+) kB/m;

/** The page of all ones that a BAR shows when nobody answers. */
const GUARD = /memfd:userpci-ones/g;

/** What this process holds now. */
export function holdings(): Holdings {
  const maps = readFileSync("/proc/self/maps", "utf8");
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    descriptors: openFiles(),
    mappings: (maps.match(/\[vfio-device\]|memfd:/g) ?? []).length - (maps.match(GUARD) ?? []).length,
    pinned: Number(pinned.exec(status)![1]) * 1024,
  };
}

function openFiles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    const name = nameOf(fd);
    if (name.match(GUARD)) continue;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function nameOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The directory itself, which is closed by now.
    return "/proc/self/fd";
  }
}
