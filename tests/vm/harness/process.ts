import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** What a process holds of a device, as the kernel counts it. */
export interface Holdings {
  /** How many descriptors are open of each file, by name. */
  readonly descriptors: Readonly<Record<string, number>>;
  /** Mappings of devices and of DMA memory. The page that the addon's guard against SIGBUS shows is no leak. */
  readonly mappings: number;
  /** Bytes pinned for DMA: `VmLck`. */
  readonly pinned: number;
}

/** What this process holds now. */
export function holdings(): Holdings {
  const maps = readFileSync("/proc/self/maps", "utf8");
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    descriptors: openFiles(),
    mappings: (maps.match(/\[vfio-device\]|memfd:(?!userpci-ones)/g) ?? []).length,
    pinned: Number(/^VmLck:\s*(\d+) kB/m.exec(status)![1]) * 1024,
  };
}

function openFiles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    const name = nameOf(fd);
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
