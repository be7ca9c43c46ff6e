import { readdirSync, readFileSync } from "node:fs";

/** What a process holds of a device, as the kernel counts it. */
export interface Holdings {
  /** Open descriptors, of any kind. */
  readonly descriptors: number;
  /** Mappings of devices and of DMA memory. */
  readonly mappings: number;
  /** Bytes pinned for DMA: `VmLck`. */
  readonly pinned: number;
}

/** What this process holds now. */
export function holdings(): Holdings {
  const maps = readFileSync("/proc/self/maps", "utf8");
  const status = readFileSync("/proc/self/status", "utf8");
  return {
    descriptors: readdirSync("/proc/self/fd").length,
    mappings: (maps.match(/vfio|memfd:/g) ?? []).length,
    pinned: Number(/^VmLck:\s*(\d+) kB/m.exec(status)![1]) * 1024,
  };
}
